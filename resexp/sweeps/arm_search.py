"""The arms of a depth search: which cells each of them asks for, and what their results say of its depth."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from resexp.analysis.sentences import no_verdict_reason
from resexp.analysis.tuning import LR_KEY
from resexp.config.cell import Cell
from resexp.config.compose import Composer, Job
from resexp.config.errors import InputError
from resexp.config.grid import is_grid
from resexp.record.result import CellResult
from resexp.stats.depth import DepthSearch, DepthSearchEstimate, Trial, TrialOutcome

LOWEST_DEPTH, HIGHEST_DEPTH = 4, 256
"""The default range of depths."""

LR_FACTORS = (0.3, 1.0, 3.0)
"""The default candidate learning rates, as multiples of the optimizer's own."""

TUNING_SEEDS = (0, 1, 2)
"""The default tuning seeds."""

SEARCHED_KEYS = ("depth", LR_KEY, "seeds", "tuning_seeds")
"""Keys that the search itself sets."""


@dataclass
class ArmSearch:
    """An arm and its depth search.

    Attributes:
        name: the arm, and the overrides that distinguish it from the other arms of the search.
        overrides: the overrides of its cells, without the keys that the search sets.
        search: the search, with all outcomes so far.
        steps, optimizer: the training steps and the optimizer of its cells.
        cells: the ids of the cells that the search asked for.
        trained: the number of replicates trained now, not before.
        error: why the search cannot continue, if it cannot.

    """

    name: str
    overrides: tuple[str, ...]
    search: DepthSearch
    steps: int
    optimizer: str
    cells: set[str] = field(default_factory=set)
    trained: int = 0
    error: str | None = None

    @property
    def estimate(self) -> DepthSearchEstimate | None:
        """The estimate of D50 with its interval; None if the search has not ended or failed."""
        return None if self.error or self.search.ask() else self.search.estimate()

    @property
    def runs(self) -> int:
        """The number of replicates in the search, trained now or before."""
        return sum(map(len, self.search.outcomes.values()))

    @property
    def trials(self) -> list[Trial]:
        """The trials of the next round; empty if the search has ended or failed."""
        return [] if self.error else self.search.ask()

    def job(self, trial: Trial) -> list[str]:
        """Return the overrides of the cell that contains a trial."""
        searched = [f"seeds=[{','.join(map(str, trial.seeds))}]", f"depth={trial.depth}", f"{LR_KEY}={trial.rate!r}"]
        if len(self.search.rates) > 1:
            searched.append(f"tuning_seeds=[{','.join(map(str, self.search.tuning_seeds))}]")
        return [*self.overrides, *searched]

    def add_result(self, trial: Trial, result: CellResult) -> None:
        """Report the result of a trial to the search; set `error` if the result has no verdicts."""
        self.cells.add(result.id)
        if result.status != "done":
            self.error = f"a cell at depth {trial.depth} is not done"
        elif result.reference is None or result.reference.loss_target is None:
            self.error = f"no verdicts: {no_verdict_reason(result.reference)}"
        else:
            outcomes = {r.seed: TrialOutcome(result.verdict(r) == "trained", r.loss_train) for r in result.replicates}
            self.search.tell(trial.depth, trial.rate, outcomes)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `resexp depth --json` prints for an arm."""
        estimate = self.estimate
        not_monotone = "not monotone" if estimate and not estimate.monotone else None
        return {
            "arm": self.name,
            **{key: getattr(estimate, key, None) for key in ("d50", "low", "high", "saved")},
            "censored": estimate.censored or not_monotone if estimate else None,
            "rates": {str(depth): rate for depth, rate in estimate.rates.items()} if estimate else {},
            "rates_at_edge": [*estimate.at_edge] if estimate else [],
            "cells": len(self.cells),
            "runs": self.runs,
            "trained": self.trained,
            "error": self.error,
        }


def arm_searches(composer: Composer, overrides: list[str]) -> list[ArmSearch]:
    """Plan a search for every combination of the swept values other than depths and learning rates.

    Args:
        composer: composes the cells.
        overrides: normalized overrides. Several depths are the range of the search, one is its upper end; the learning
            rates are the candidates.

    Raises:
        InputError: an override is not valid, nothing is left to search, or a sweeper other than the grid is chosen.

    """
    tuning = [text for text in overrides if _key(text) == "tuning_seeds"]  # they need not be among the test seeds
    jobs = composer.jobs([text for text in overrides if text not in tuning])
    tuning_seeds = composer.cell([*jobs[0][0], *tuning]).settings.tuning_seeds if jobs else None
    if not is_grid(composer.sweep_config(overrides)):
        raise InputError("hydra/sweeper: the search for a depth chooses its cells itself; leave the sweeper out")
    jobs_by_arm: dict[tuple[str, ...], list[Job]] = {}
    for job, cell in jobs:
        arm_overrides = tuple(text for text in job if _key(text) not in SEARCHED_KEYS)
        jobs_by_arm.setdefault(arm_overrides, []).append((job, cell))
    shared = set.intersection(*map(set, jobs_by_arm))
    return [_arm(arm, arm_jobs, shared, tuning_seeds or TUNING_SEEDS) for arm, arm_jobs in jobs_by_arm.items()]


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def _arm(overrides: tuple[str, ...], jobs: list[Job], shared: set[str], tuning_seeds: Sequence[int]) -> ArmSearch:
    keys, cells = {_key(text) for job, _ in jobs for text in job}, [cell for _, cell in jobs]
    own = [text.lstrip("+") for text in overrides if text not in shared and _key(text) not in ("norm", "residual")]
    return ArmSearch(
        name=" ".join([cells[0].arm, *own]),
        overrides=overrides,
        search=_search(cells, keys, tuning_seeds),
        steps=cells[0].settings.steps,
        optimizer=cells[0].choices["optimizer"],
    )


def _search(cells: Sequence[Cell], keys: set[str], tuning_seeds: Sequence[int]) -> DepthSearch:
    """Return the search over the depths and learning rates of an arm's cells; `keys` are those that were set."""
    optimizer = cells[0].options["optimizer"]
    if "lr" not in optimizer:
        raise InputError(f"optimizer: {optimizer['_target_']} has no lr to choose")
    depths = sorted({cell.settings.depth for cell in cells}) if "depth" in keys else [HIGHEST_DEPTH]
    lowest, highest = depths[0] if len(depths) > 1 else LOWEST_DEPTH, depths[-1]
    if lowest >= highest:
        raise InputError(
            f"depth={highest}: expected the highest depth to search, above {LOWEST_DEPTH}, or two, as depth=2,4"
        )
    cell_rates = [float(cell.options["optimizer"]["lr"]) for cell in cells]
    rates = {*cell_rates} if LR_KEY in keys else {float(f"{factor * cell_rates[0]:.6g}") for factor in LR_FACTORS}
    many = _test_seeds(cells) if "seeds" in keys else DepthSearch.many
    return DepthSearch(lowest, highest, sorted(rates), tuning_seeds, min(DepthSearch.few, many), many)


def _test_seeds(cells: Sequence[Cell]) -> int:
    """Return the number of test seeds that `seeds` asks for."""
    values, first = [*dict.fromkeys(str(cell.settings.seeds) for cell in cells)], cells[0].settings.seeds
    if len(values) > 1 or not isinstance(first, int):
        text = ",".join(values)
        raise InputError(f"seeds={text}: expected one number, of test seeds at the depths that decide")
    return first
