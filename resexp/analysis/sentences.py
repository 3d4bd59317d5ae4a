"""What tests say, in plain words and numbers, the same in the terminal and in the report."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from resexp.analysis.compare import ComparisonRow, EffectRow
from resexp.formats import depth_text, interval_text, listed, loss_text
from resexp.record.result import CellResult
from resexp.stats.logistic import DepthEstimate
from resexp.stats.paired import LEVEL, Interval, PairedResult, seeds_needed


def needs(family: Sequence[PairedResult], what: str, missing: Callable[[int, int], int]) -> Iterator[tuple[str, bool]]:
    """The seeds that the tests of a family need, and a line where they are missing; of each, whether it warns.

    `missing` tells of those needed and those there how many more have to be trained.
    """
    seeds, m = [paired.n for paired in family], len(family)
    needed, fewest, most = seeds_needed(m), min(seeds), max(seeds)
    have = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    whole = f"{m} {what}{'s, p after Holm' if m > 1 else ''}"
    yield f"{whole}: p ≤ {LEVEL:g} takes {needed} paired seeds; there are {have}", False
    if most < needed:
        yield f"so no p below can reach {LEVEL:g}, whatever the difference: train {missing(needed, most)} more", True
    elif fewest < needed:
        yield f"where there are fewer than {needed}, no p can reach {LEVEL:g}", True


def rows_words(rows: Sequence[ComparisonRow]) -> str:
    """What the comparisons of a family come to."""
    lines = [*_one(rows[0])] if len(rows) == 1 else [*_several(rows)]
    margins = " or ".join(sorted({loss_text(row.equivalence.margin) for row in rows}))
    lines.append(
        f"In nats: the 90 % interval of A − B is within ± {margins} (equivalent), beyond (different) or"
        " across (inconclusive)."
    )
    lines.append("A ÷ B: of geometric means over seeds; what diverged counts as 2 ℓ0, what is below 0.001 as 0.001.")
    if any(_splits_on_divergence(row) for row in rows):
        lines.append("Where only some seeds diverged, trust p: the interval then misses the mean too often.")
    return " ".join(lines)


def effects_words(effects: Sequence[EffectRow]) -> str:
    """What a factorial comes to."""
    told = [e for e in effects if e.p_adjusted <= LEVEL]
    return (
        f"Beyond chance: {len(told)} of {len(effects)} effects. A main effect is what a choice multiplies the loss by,"
        " averaged over the other factor. An interaction of 1 means that each does the same with the other as without;"
        " below 1, that together they do better than each alone would say."
    )


def held_against(row: EffectRow) -> str:
    """What an effect is a difference from."""
    return row.effect.kind.removeprefix("main, from ")


def ratio_text(mean: float, interval: Interval) -> str:
    """A mean difference of logarithms as a ratio, with its interval."""
    if math.isnan(mean):
        return "–"
    ends = "" if math.isinf(interval.low) else f" [{_number(_exp(interval.low))}, {_number(_exp(interval.high))}]"
    return f"{_number(math.exp(mean))}{ends}"


def p_text(value: float) -> str:
    """A p to three places."""
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.0e}"


def d50_text(estimate: DepthEstimate) -> str:
    """Return D50, `31`, or its bound if it is censored, `> 64`."""
    return depth_text(estimate.d50) if estimate.d50 else str(estimate.censored)


def d50_interval_text(estimate: DepthEstimate) -> str:
    """Return the 95 % interval of D50: `24 to 40`, `24 or more`."""
    return interval_text(estimate.low, estimate.high)


def d50_with_interval(estimate: DepthEstimate) -> str:
    """Return D50 with its interval: `31 (95 % interval 24 to 40)`."""
    return f"{d50_text(estimate)} (95 % interval {d50_interval_text(estimate)})"


def deepest_arm_text(estimates: Mapping[str, DepthEstimate]) -> str:
    """Return one or two sentences on which arm has the largest D50, and whether the intervals overlap."""
    order = sorted(estimates, key=lambda name: -estimates[name].order_key)
    first = estimates[order[0]]
    winners = [name for name in order if estimates[name].order_key == first.order_key]
    others = order[len(winners) :]
    if not first.order_key:
        return f"D50 is {first.censored} for {listed(winners)}: half of the seeds train at none of the depths tried."
    if len(order) == 1:
        return f"The trainable depth D50 of {order[0]} is {d50_with_interval(first)}."
    if len(winners) > 1:
        head = f"{listed(winners)} train deepest, beyond the depths tried ({first.censored})"
        head += "." if others else "; larger depths would separate them."
    else:
        head = f"{winners[0]} trains deepest: D50 is {d50_with_interval(first)}."
    if not others:
        return head
    low = min(estimates[name].low or 0.0 for name in winners)
    overlapping = [name for name in others if (estimates[name].high or math.inf) > low]
    if overlapping:
        rivals = listed([f"{name}, {d50_with_interval(estimates[name])}" for name in overlapping])
        return f"{head} The interval overlaps with that of {rivals}: the order is not settled."
    return f"{head} Next is {others[0]} with {d50_with_interval(estimates[others[0]])}; the intervals do not overlap."


def _splits_on_divergence(row: ComparisonRow) -> bool:
    """Whether in some pairs, not all, one side diverged alone: few such seeds tell little of how often that happens."""
    arms = [(m.a.test, m.b.test) for m in row.matches]
    alone = {(seed, a.id) for a, b in arms for seed in row.seeds if (seed in _diverged(a)) != (seed in _diverged(b))}
    return 0 < len(alone) < len(row.seeds) * len(arms)


def _diverged(cell: CellResult) -> set[int]:
    return {r.seed for r in cell.replicates if cell.verdict(r) == "diverged"}


def _one(row: ComparisonRow) -> Iterator[str]:
    paired, ends = row.paired, row.paired.extremes
    if paired.n == 0:
        yield "No seed is left that both have: nothing can be said."
        return
    tells = "beyond chance" if row.p_adjusted <= LEVEL else "which the test cannot tell from chance"
    yield f"A ends at {_number(row.ratio)} times the loss of B, {tells} (p {p_text(row.p_adjusted)})."
    if paired.n > 1:
        low, high = (_number(math.exp(end)) for end in (ends.low, ends.high))
        exact = f"an exact {100 * ends.coverage:.4g} % interval of the median"
        yield f"Seed by seed it is {low} to {high}, {exact}; effect size {paired.effect:.2f}."


def _several(rows: Sequence[ComparisonRow]) -> Iterator[str]:
    lower, higher = (sum(r.p_adjusted <= LEVEL and r.paired.mean * s > 0 for r in rows) for s in (-1, 1))
    yield f"Of {len(rows)} comparisons, A ends lower in {lower} and higher in {higher} beyond chance;"
    yield f"the test cannot tell in {len(rows) - lower - higher}."
    below, above = (sum(_beyond(row, sign) for row in rows) for sign in (-1, 1))
    yield f"Each taken alone, the t interval has A lower in {below}, higher in {above}."


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _number(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 0.1 else loss_text(value)


def _beyond(row: ComparisonRow, sign: int) -> bool:
    interval = row.paired.interval
    return interval.low > 0 if sign > 0 else interval.high < 0
