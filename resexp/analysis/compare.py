"""A against B: matched cells, paired by seed, on the scale y = ln clip(ℓ_T, 10⁻³, 2 ℓ0), where diverged is ln 2 ℓ0."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from resexp.analysis.pairing import Match, factors, matches, told_apart, tuning_of
from resexp.analysis.tuning import KEY, Choice
from resexp.config.errors import InputError, nearest
from resexp.record.filters import parse_filter, select, sort_key, value_text
from resexp.record.result import CellResult, finite_or_none, without_superseded
from resexp.stats.factorial import Effect, factorial_effects
from resexp.stats.paired import (
    Equivalence,
    PairedResult,
    compare_pairs,
    equivalence_margin,
    holm,
    paired_differences,
    seeds_needed,
    tost,
)
from resexp.stats.scores import capped_loss, log_loss


@dataclass(frozen=True)
class ComparisonRow:
    """One comparison: of the arms of one match, or, with `by`, of several, averaged within a seed.

    Attributes:
        where: the keys in which the rows differ.
        matches: what is compared.
        seeds: those that all the cells have.
        unpaired: seeds that only some of them have.
        paired: of y(A) − y(B).
        equivalence: of the difference in nats.
        p_adjusted: Holm over the rows.

    """

    where: Mapping[str, str]
    matches: tuple[Match, ...]
    seeds: tuple[int, ...]
    unpaired: tuple[int, ...]
    paired: PairedResult
    equivalence: Equivalence
    difference: float
    p_adjusted: float = 1.0

    @property
    def ratio(self) -> float:
        """The loss of A as a multiple of B's: a geometric mean, each between 10⁻³ and 2 ℓ0."""
        return math.exp(self.paired.mean)


@dataclass(frozen=True)
class EffectRow:
    """An effect of the factorial; `where` as in Row; `p_adjusted`: Holm over all of them."""

    where: Mapping[str, str]
    effect: Effect
    p_adjusted: float


@dataclass(frozen=True)
class Comparison:
    """What `resexp compare` says.

    Attributes:
        a, b: the filters.
        rows: the comparisons.
        effects: those of the factorials of residual × norm, where the cells form such grids.
        tuning: the seeds that chose each arm's learning rate, and were then left out; empty where there was no choice.
        cells: all the cells of A and B, at every learning rate, with all seeds.
        left_out: cells that are not done, or have no bar.

    """

    a: str
    b: str
    rows: tuple[ComparisonRow, ...]
    effects: tuple[EffectRow, ...]
    tuning: tuple[int, ...]
    cells: tuple[CellResult, ...]
    left_out: int

    @property
    def seeds_needed(self) -> int:
        """The paired seeds at which a row can reach an adjusted p ≤ .05."""
        return seeds_needed(len(self.rows))

    def seeds_missing(self, needed: int, have: int) -> int:
        """How many more seeds leave `needed` to compare; of those not set apart in advance, a third chooses rates."""
        if self.tuning and not any(cell.config.get("tuning_seeds") for cell in self.cells):
            return math.ceil(1.5 * needed) - (have + len(self.tuning))
        return needed - have

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints; what is not finite is null."""
        return {
            **{key: getattr(self, key) for key in ("a", "b", "seeds_needed", "left_out")},
            "tuning_seeds": [*self.tuning],
            "comparisons": [_row_json(row) for row in self.rows],
            "factorial": [
                {"where": {**e.where}, "effect": e.effect.name, "kind": e.effect.kind, **_paired_json(e.effect.paired),
                 "p_adjusted": e.p_adjusted} for e in self.effects
            ],
        }  # fmt: skip


def comparison(a: str, b: str, results: Sequence[CellResult], by: str | None = None) -> Comparison:
    """Compare the cells that `a` means with those that `b` means.

    With `by`, matches are averaged within a seed for each value of that key. Raises InputError where a filter is wrong,
    matches nothing, or leaves open what is meant.
    """
    terms = parse_filter(a), parse_filter(b)
    told = told_apart(*terms)
    unique = [*{result.id: result for result in reversed(results)}.values()][::-1]
    chosen = [select(unique, side) for side in terms]
    for text, side in zip((a, b), chosen, strict=True):
        if not side:
            raise InputError(f"{text}: no cell here is like that")
    judged = [[r for r in side if r.status == "done" and r.is_judged] for side in chosen]
    usable = [without_superseded(side) for side in judged]
    for text, side in zip((a, b), usable, strict=True):
        if not side:
            raise InputError(f"{text}: none of its cells is done and has a bar")
    cells = [*{cell.id: cell for side in usable for cell in side}.values()]
    tuning = tuning_of(usable[0], usable[1], told)
    rows = _rows(_grouped(matches(usable[0], usable[1], told, tuning), by))
    return Comparison(
        a=a,
        b=b,
        rows=rows,
        effects=() if KEY in told else effects(cells, tuning),
        tuning=tuning,
        cells=tuple(
            sorted(cells, key=lambda cell: [sort_key(value_text(cell.flat.get(key))) for key in ("depth", KEY)])
        ),
        left_out=len({r.id for side in chosen for r in side} - {r.id for side in judged for r in side}),
    )


def tested(found: Sequence[Match]) -> tuple[ComparisonRow, ...]:
    """A row per match, with Holm over all of them."""
    return _rows({tuple(match.where.items()): [match] for match in found})


def effects(cells: Sequence[CellResult], tuning: Sequence[int]) -> tuple[EffectRow, ...]:
    """The factorials of residual × norm that some done and judged cells form, with Holm over all their effects."""
    found = []
    for grid in factors(cells, tuning):
        outcomes = {key: _outcomes(arm, log_loss) for key, arm in grid.arms.items()}
        found += [(grid.where, effect) for effect in factorial_effects(outcomes)]
    adjusted = holm([effect.paired.p for _, effect in found])
    return tuple(EffectRow(where, effect, p) for (where, effect), p in zip(found, adjusted, strict=True))


def _grouped(found: Sequence[Match], by: str | None) -> dict[tuple[tuple[str, str], ...], list[Match]]:
    keys = dict.fromkeys(key for match in found for key in match.where)
    if by is not None and by not in keys:
        raise InputError(f"--by {by}: the comparisons do not differ in it{nearest(by, keys)}")
    groups: dict[tuple[tuple[str, str], ...], list[Match]] = {}
    for match in found:
        where = match.where if by is None else {by: match.where[by]}
        groups.setdefault(tuple(where.items()), []).append(match)
    return {key: groups[key] for key in sorted(groups, key=lambda key: [sort_key(value) for _, value in key])}


def _rows(groups: Mapping[tuple[tuple[str, str], ...], list[Match]]) -> tuple[ComparisonRow, ...]:
    rows = [_row(dict(where), group) for where, group in groups.items()]
    adjusted = holm([row.paired.p for row in rows])
    return tuple(replace(row, p_adjusted=p) for row, p in zip(rows, adjusted, strict=True))


def _row(where: Mapping[str, str], group: Sequence[Match]) -> ComparisonRow:
    """The differences of a seed are averaged over the matches."""
    seeds_of = [{r.seed for r in arm.test.replicates} for match in group for arm in (match.a, match.b)]
    shared, every = set.intersection(*seeds_of), set.union(*seeds_of)
    logs, differences = (
        np.mean(
            [paired_differences(_outcomes(m.a, scale, shared), _outcomes(m.b, scale, shared))[1] for m in group], axis=0
        )
        for scale in (log_loss, capped_loss)
    )
    references = [match.a.test.reference for match in group]
    margin = float(np.mean([equivalence_margin(r.loss_constant, r.loss_reference) for r in references if r]))
    return ComparisonRow(
        where=where,
        matches=tuple(group),
        seeds=tuple(sorted(shared)),
        unpaired=tuple(sorted(every - shared)),
        paired=compare_pairs(logs),
        equivalence=tost(differences, margin),
        difference=float(differences.mean()) if len(differences) else math.nan,
    )


def _outcomes(arm: Choice, scale: Any, seeds: set[int] | None = None) -> dict[int, float]:
    reference = arm.test.reference
    assert reference  # only judged cells are compared
    return {r.seed: scale(r.outcome, reference) for r in arm.test.replicates if seeds is None or r.seed in seeds}


def _row_json(row: ComparisonRow) -> dict[str, Any]:
    def arm_json(arm: Choice, match: Match) -> dict[str, Any]:
        counts = [arm.test.verdict(r) for r in arm.test.replicates if r.seed in row.seeds]
        verdicts = {word: counts.count(word) for word in dict.fromkeys(counts) if word}
        about = {"id": arm.test.id, "path": arm.test.path, "lr": arm.value, "lr_at_edge": arm.at_edge,
                 "lr_sensitivity": arm.sensitivity}  # fmt: skip
        return {**about, "where": {**match.where}, "verdicts": verdicts}

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
    plain = {key: finite_or_none(getattr(paired, key)) for key in ("mean", "effect", "p", "p_least")}
    return {"n": paired.n, **plain, "interval": _interval(paired.interval), "extremes": _interval(paired.extremes)}


def _interval(interval: Any) -> dict[str, float | None]:
    return {key: finite_or_none(value) for key, value in asdict(interval).items()}
