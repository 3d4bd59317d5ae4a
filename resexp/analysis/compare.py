"""Comparison of A with B: matched cells, paired by seed, on the scale y = ln clip(ℓ_T, 10⁻³, 2 ℓ0)."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from resexp.analysis.pairing import (
    MatchedArms,
    Where,
    choose_tuning_seeds,
    contrast_keys,
    factorial_grids,
    group_matches,
    match_arms,
)
from resexp.analysis.tuning import LR_KEY, RateChoice
from resexp.config.errors import InputError
from resexp.formats import plural
from resexp.record.filters import parse_filter, select, sort_key, value_text
from resexp.record.result import CellResult, finite_or_none, without_superseded
from resexp.stats.factorial import Effect, factorial_effects
from resexp.stats.paired import (
    Equivalence,
    Interval,
    PairedResult,
    compare_pairs,
    equivalence_margin,
    holm,
    paired_differences,
    seeds_needed,
    tost,
)
from resexp.stats.scores import capped_loss, log_loss
from resexp.stats.verdict import Outcome, Reference

Scale = Callable[[Outcome, Reference], float]


@dataclass(frozen=True)
class ComparisonRow:
    """One comparison: of the arms of one match or, with `by`, of several matches averaged within a seed.

    Attributes:
        where: the values of the keys in which the rows differ.
        matches: the matched arms.
        seeds: the seeds that all cells of the row have.
        unpaired: the seeds that only some of them have.
        paired: of y(A) − y(B).
        equivalence: of the difference in nats.
        difference: the mean difference A − B in nats, losses capped at 2 ℓ0; nan if there are no seeds.
        p_adjusted: p-value after Holm's method over the rows.

    """

    where: Mapping[str, str]
    matches: tuple[MatchedArms, ...]
    seeds: tuple[int, ...]
    unpaired: tuple[int, ...]
    paired: PairedResult
    equivalence: Equivalence
    difference: float
    p_adjusted: float = 1.0

    @property
    def ratio(self) -> float:
        """The loss of A divided by that of B: a ratio of geometric means of losses clipped to [10⁻³, 2 ℓ0]."""
        return math.exp(self.paired.mean)


@dataclass(frozen=True)
class EffectRow:
    """An effect of a factorial; `where` as in `ComparisonRow`, `p_adjusted` after Holm's method over all effects."""

    where: Mapping[str, str]
    effect: Effect
    p_adjusted: float


@dataclass(frozen=True)
class Comparison:
    """The result of `resexp compare`.

    Attributes:
        a, b: the filters.
        rows: the comparisons.
        effects: the effects of the factorials of residual × norm, if the cells form complete ones.
        tuning_seeds: the seeds that chose each arm's learning rate and were then left out; empty without a choice.
        cells: all cells of A and B, at every learning rate, with all seeds.
        left_out: number of cells that are not done or have no target loss.

    """

    a: str
    b: str
    rows: tuple[ComparisonRow, ...]
    effects: tuple[EffectRow, ...]
    tuning_seeds: tuple[int, ...]
    cells: tuple[CellResult, ...]
    left_out: int

    @property
    def seeds_needed(self) -> int:
        """The number of paired seeds at which a row can reach an adjusted p ≤ .05."""
        return seeds_needed(len(self.rows))

    def seeds_missing(self, needed: int, have: int) -> int:
        """Return how many more seeds to train so that `needed` remain for the test.

        If the tuning seeds were not set by the user, a third of all seeds tunes the learning rate.
        """
        if self.tuning_seeds and not any(cell.tuning_seeds for cell in self.cells):
            return math.ceil(1.5 * needed) - (have + len(self.tuning_seeds))
        return needed - have

    def to_json(self) -> dict[str, Any]:
        """Return the object that `resexp compare --json` prints; non-finite numbers are null."""
        return {
            **{key: getattr(self, key) for key in ("a", "b", "seeds_needed", "left_out")},
            "tuning_seeds": [*self.tuning_seeds],
            "comparisons": [_row_json(row) for row in self.rows],
            "factorial": [
                {"where": {**e.where}, "effect": e.effect.name, "kind": e.effect.kind, **_paired_json(e.effect.paired),
                 "p_adjusted": e.p_adjusted} for e in self.effects
            ],
        }  # fmt: skip


def compare_cells(a: str, b: str, results: Sequence[CellResult], by: str | None = None) -> Comparison:
    """Compare the cells that filter `a` selects with those that filter `b` selects.

    Args:
        a, b: filters, as in `resexp.record.filters`.
        results: the cells to select from; copies of a cell count once.
        by: a key; matches with the same value of it are averaged within a seed.

    Raises:
        InputError: a filter is invalid, matches nothing, or leaves open which arm is meant.

    """
    terms = parse_filter(a), parse_filter(b)
    contrast = contrast_keys(*terms)
    unique = [*{result.id: result for result in reversed(results)}.values()][::-1]
    selected = [select(unique, side) for side in terms]
    for text, side in zip((a, b), selected, strict=True):
        if not side:
            raise InputError(f"filter {text!r} matches none of {plural(len(unique), 'cell')}")
    judged = [[r for r in side if r.status == "done" and r.is_judged] for side in selected]
    usable = [without_superseded(side) for side in judged]
    for text, side in zip((a, b), usable, strict=True):
        if not side:
            raise InputError(f"filter {text!r}: none of its cells is done and has a target loss")
    cells = [*{cell.id: cell for side in usable for cell in side}.values()]
    tuning_seeds = choose_tuning_seeds(usable[0], usable[1], contrast)
    rows = _rows(group_matches(match_arms(usable[0], usable[1], contrast, tuning_seeds), by))
    return Comparison(
        a=a,
        b=b,
        rows=rows,
        effects=() if LR_KEY in contrast else factorial_rows(cells, tuning_seeds),
        tuning_seeds=tuning_seeds,
        cells=tuple(sorted(cells, key=lambda c: [sort_key(value_text(c.flat.get(key))) for key in ("depth", LR_KEY)])),
        left_out=len({r.id for side in selected for r in side} - {r.id for side in judged for r in side}),
    )


def compare_matches(matches: Sequence[MatchedArms]) -> tuple[ComparisonRow, ...]:
    """Return a row for each match, with Holm's method over all of them."""
    return _rows({tuple(match.where.items()): [match] for match in matches})


def factorial_rows(cells: Sequence[CellResult], tuning_seeds: Sequence[int]) -> tuple[EffectRow, ...]:
    """Return the effects of all factorials of residual × norm among done and judged cells, with Holm over all."""
    effects = []
    for grid in factorial_grids(cells, tuning_seeds):
        outcomes = {key: _outcomes(arm, log_loss) for key, arm in grid.arms.items()}
        effects += [(grid.where, effect) for effect in factorial_effects(outcomes)]
    adjusted = holm([effect.paired.p for _, effect in effects])
    return tuple(EffectRow(where, effect, p) for (where, effect), p in zip(effects, adjusted, strict=True))


def _rows(groups: Mapping[Where, list[MatchedArms]]) -> tuple[ComparisonRow, ...]:
    rows = [_row(dict(where), group) for where, group in groups.items()]
    adjusted = holm([row.paired.p for row in rows])
    return tuple(replace(row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True))


def _row(where: Mapping[str, str], group: Sequence[MatchedArms]) -> ComparisonRow:
    """Compare the arms of a group, each seed's difference averaged over the matches."""
    seeds_of = [{r.seed for r in arm.test.replicates} for match in group for arm in (match.a, match.b)]
    shared, union = set.intersection(*seeds_of), set.union(*seeds_of)

    def differences(scale: Scale) -> Any:
        by_match = [(_outcomes(match.a, scale, shared), _outcomes(match.b, scale, shared)) for match in group]
        return np.mean([paired_differences(a, b)[1] for a, b in by_match], axis=0)

    nats = differences(capped_loss)
    references = [match.a.test.reference for match in group]
    margin = float(np.mean([equivalence_margin(r.loss_constant, r.loss_reference) for r in references if r]))
    return ComparisonRow(
        where=where,
        matches=tuple(group),
        seeds=tuple(sorted(shared)),
        unpaired=tuple(sorted(union - shared)),
        paired=compare_pairs(differences(log_loss)),
        equivalence=tost(nats, margin),
        difference=float(nats.mean()) if len(nats) else math.nan,
    )


def _outcomes(arm: RateChoice, scale: Scale, seeds: set[int] | None = None) -> dict[int, float]:
    reference = arm.test.reference
    assert reference  # only judged cells are compared
    return {r.seed: scale(r.outcome, reference) for r in arm.test.replicates if seeds is None or r.seed in seeds}


def _row_json(row: ComparisonRow) -> dict[str, Any]:
    def arm_json(arm: RateChoice, match: MatchedArms) -> dict[str, Any]:
        verdicts = [arm.test.verdict(r) for r in arm.test.replicates if r.seed in row.seeds]
        counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts) if verdict}
        about = {"id": arm.test.id, "path": arm.test.path, "lr": arm.lr, "lr_at_edge": arm.at_edge,
                 "lr_sensitivity": arm.sensitivity}  # fmt: skip
        return {**about, "where": {**match.where}, "verdicts": counts}

    return {
        "where": {**row.where},
        "seeds": [*row.seeds],
        "unpaired_seeds": [*row.unpaired],
        "a": [arm_json(match.a, match) for match in row.matches],
        "b": [arm_json(match.b, match) for match in row.matches],
        **_paired_json(row.paired),
        "p_adjusted": row.p_adjusted,
        "ratio": finite_or_none(row.ratio),
        "nats": finite_or_none(row.difference),
        "equivalence": {**asdict(row.equivalence), "interval": _interval(row.equivalence.interval)},
    }


def _paired_json(paired: PairedResult) -> dict[str, Any]:
    numbers = {key: finite_or_none(getattr(paired, key)) for key in ("mean", "effect", "p", "p_least")}
    return {"n": paired.n, **numbers, "interval": _interval(paired.interval), "extremes": _interval(paired.extremes)}


def _interval(interval: Interval) -> dict[str, float | None]:
    return {key: finite_or_none(value) for key, value in asdict(interval).items()}
