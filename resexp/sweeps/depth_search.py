"""The search for the trainable depth of arms: what each proposes, trained round by round as cells of one sweep."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from resexp.analysis.tuning import LR_KEY
from resexp.cells.callbacks import CellEnd as CellEnded
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.config.errors import InputError
from resexp.config.grid import is_grid
from resexp.launcher.local import finished
from resexp.record.result import CellResult
from resexp.stats.depth import DepthSearch, DepthSearchEstimate, Trial, TrialOutcome
from resexp.sweeps.estimate import missing
from resexp.sweeps.job import CallbackFor, Jobs
from resexp.sweeps.manifest import SweepManifest
from resexp.sweeps.sweep import sweep

LOWEST, HIGHEST = 4, 256
RATES = (0.3, 1.0, 3.0)
"""The learning rates, in times the optimizer's own."""
TUNING = (0, 1, 2)
SEARCHED = ("depth", LR_KEY, "seeds", "tuning_seeds")
"""Keys that the search itself sets."""


@dataclass
class ArmSearch:
    """An arm and its search.

    Attributes:
        name: the arm, and what else tells it from the others.
        overrides: what makes its cells, but for the keys that are searched.
        search: what is known of it.
        steps, optimizer: of its cells.
        cells: those that the search wanted, by their identity.
        trained: replicates that were not there before.
        failed: why the search cannot go on, if it cannot.

    """

    name: str
    overrides: tuple[str, ...]
    search: DepthSearch
    steps: int
    optimizer: str
    cells: set[str] = field(default_factory=set)
    trained: int = 0
    failed: str | None = None

    @property
    def estimate(self) -> DepthSearchEstimate | None:
        """The estimate of D50 with its interval; None if the search has not ended or failed."""
        return None if self.failed or self.search.ask() else self.search.estimate()

    @property
    def runs(self) -> int:
        """How many replicates it knows."""
        return sum(map(len, self.search.outcomes.values()))

    def job(self, trial: Trial) -> list[str]:
        """The overrides of the cell of a trial."""
        searched = [f"seeds=[{','.join(map(str, trial.seeds))}]", f"depth={trial.depth}", f"{LR_KEY}={trial.rate!r}"]
        if len(self.search.rates) > 1:
            searched.append(f"tuning_seeds=[{','.join(map(str, self.search.tuning_seeds))}]")
        return [*self.overrides, *searched]

    def take(self, trial: Trial, result: CellResult) -> None:
        """Learn what became of a trial."""
        self.cells.add(result.id)
        if result.status != "done":
            self.failed = f"a cell at depth {trial.depth} is not done"
        elif result.reference is None or result.reference.loss_target is None:
            self.failed = f"no verdicts: in {self.steps} steps the shallow reference hardly beats a constant guess"
        else:
            ends = {r.seed: TrialOutcome(result.verdict(r) == "trained", r.loss_train) for r in result.replicates}
            self.search.tell(trial.depth, trial.rate, ends)

    def to_json(self) -> dict[str, Any]:
        """As `resexp depth --json` prints it."""
        found = self.estimate
        odd = "not monotone" if found and not found.monotone else None
        return {
            "arm": self.name,
            **{key: getattr(found, key, None) for key in ("d50", "low", "high", "saved")},
            "censored": found.censored or odd if found else None,
            "rates": {str(depth): rate for depth, rate in found.rates.items()} if found else {},
            "rates_at_edge": [*found.at_edge] if found else [],
            "cells": len(self.cells),
            "runs": self.runs,
            "trained": self.trained,
            "error": self.failed,
        }


def arms(composer: Composer, overrides: list[str]) -> list[ArmSearch]:
    """The arms that overrides mean: every combination of what they sweep but for depths and learning rates.

    These bound the search: of several depths the lowest and the highest, of one the highest; the learning rates are
    the candidates. Raises InputError where they leave nothing to search, or mean another sweeper.
    """
    tuning = [text for text in overrides if _key(text) == "tuning_seeds"]  # they need not be among the test seeds
    jobs = composer.jobs([text for text in overrides if text not in tuning])
    chosen = composer.cell([*jobs[0][0], *tuning]).settings.tuning_seeds if jobs else None
    if not is_grid(composer.sweep_config(overrides)):
        raise InputError("hydra/sweeper: the search for a depth chooses its cells itself; leave the sweeper out")
    groups: dict[tuple[str, ...], Jobs] = {}
    for job, cell in jobs:
        groups.setdefault(tuple(text for text in job if _key(text) not in SEARCHED), []).append((job, cell))
    shared = set.intersection(*map(set, groups))
    return [_arm(overrides, group, shared, chosen or TUNING) for overrides, group in groups.items()]


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]


def _arm(overrides: tuple[str, ...], group: Jobs, shared: set[str], tuning: Sequence[int]) -> ArmSearch:
    given, cells = {_key(text) for job, _ in group for text in job}, [cell for _, cell in group]
    rest = [text.lstrip("+") for text in overrides if text not in shared and _key(text) not in ("norm", "residual")]
    first = cells[0]
    return ArmSearch(
        name=" ".join([first.arm, *rest]),
        overrides=overrides,
        search=_search(cells, given, tuning),
        steps=first.settings.steps,
        optimizer=first.choices["optimizer"],
    )


def _search(cells: Sequence[Cell], given: set[str], tuning: Sequence[int]) -> DepthSearch:
    first = cells[0]
    if "lr" not in first.options["optimizer"]:
        raise InputError(f"optimizer: {first.options['optimizer']['_target_']} has no lr to choose")
    depths = sorted({cell.settings.depth for cell in cells}) if "depth" in given else [HIGHEST]
    lowest, highest = depths[0] if len(depths) > 1 else LOWEST, depths[-1]
    if lowest >= highest:
        raise InputError(f"depth={highest}: expected the highest depth to search, above {LOWEST}, or two, as depth=2,4")
    own = [float(cell.options["optimizer"]["lr"]) for cell in cells]
    rates = {*own} if LR_KEY in given else {float(f"{times * own[0]:.6g}") for times in RATES}
    many = DepthSearch.many
    if "seeds" in given:
        found = [*dict.fromkeys(str(cell.settings.seeds) for cell in cells)]
        if len(found) > 1 or not isinstance(first.settings.seeds, int):
            text = ",".join(found)
            raise InputError(f"seeds={text}: expected one number, of test seeds at the depths that decide")
        many = first.settings.seeds
    few = min(DepthSearch.few, many)
    return DepthSearch(lowest, highest, sorted(rates), tuning, few, many)


@dataclass(frozen=True)
class DepthSearchResult:
    """What came of it beside what the arms know: where it lies, what failed, why the sweep ended early if it did."""

    outputs: str
    failures: list[CellResult]
    error: str | None


def first_round(composer: Composer, wanted: Sequence[ArmSearch]) -> list[Cell]:
    """The cells that the arms want first. Raises InputError."""
    return [composer.cell(arm.job(trial)) for arm, trial in _asked(wanted)]


def search(
    composer: Composer, overrides: list[str], wanted: Sequence[ArmSearch], callback_for: CallbackFor, stop: Stop
) -> DepthSearchResult:
    """Bring the searches of all arms to their end; the proposals of a round go out together.

    What is recorded is not trained again. Raises as sweep.
    """
    record, failures = SweepManifest(composer, overrides), list[CellResult]()
    while batch := [*_asked(wanted)]:
        jobs = [(job := arm.job(trial), composer.cell(job)) for arm, trial in batch]
        record.write(cell for _, cell in jobs)
        left = []
        for (arm, trial), (job, cell) in zip(batch, jobs, strict=True):
            if known := finished(cell):
                callback_for(cell)(CellEnded("cell", known, ()))
                arm.take(trial, known)
            else:
                wanting = sum(len(part.settings.seed_list) for part in missing([cell]))
                left.append((arm, trial, job, cell, wanting))
        if not left:
            continue
        swept = sweep(composer, overrides, [(job, cell) for *_, job, cell, _ in left], callback_for, stop, record)
        results = dict(zip(dict.fromkeys(cell.key for *_, cell, _ in left), swept.results, strict=True))
        for arm, trial, _, cell, wanting in left:
            arm.take(trial, results[cell.key])
            arm.trained += wanting * (results[cell.key].status == "done")
        failures += [result for result in swept.results if result.status != "done"]
        if swept.error:
            return DepthSearchResult(record.outputs, failures, swept.error)
    return DepthSearchResult(record.outputs, failures, None)


def _asked(wanted: Sequence[ArmSearch]) -> Iterator[tuple[ArmSearch, Trial]]:
    for arm in wanted:
        if not arm.failed:
            yield from ((arm, trial) for trial in arm.search.ask())
