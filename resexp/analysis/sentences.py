"""Sentences and numbers in words, the same in the terminal and in the report."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from resexp.analysis.compare import ComparisonRow, EffectRow
from resexp.analysis.costs import CostRatio, CostRow
from resexp.analysis.group_tests import RivalComparison
from resexp.analysis.groups import DepthSeries
from resexp.formats import depth_text, interval_text, listed, loss_text, percent_interval_text, plural
from resexp.record.result import CellResult
from resexp.stats.logistic import DepthEstimate
from resexp.stats.paired import LEVEL, Interval, PairedResult, seeds_needed
from resexp.stats.shares import Share
from resexp.stats.verdict import Reference


def share_interval_text(share: Share) -> str:
    """Return the 95 % interval of a share: `57 to 100 %`."""
    return percent_interval_text(*share.interval())


def share_text(share: Share) -> str:
    """Return a share with its interval: `5 of 5 seeds (95 % interval 57 to 100 %)`."""
    return f"{share.count} of {plural(share.total, 'seed')} (95 % interval {share_interval_text(share)})"


def d50_text(estimate: DepthEstimate) -> str:
    """Return D50, `31`, or its bound if it is censored, `> 64`."""
    return depth_text(estimate.d50) if estimate.d50 else str(estimate.censored)


def d50_interval_text(estimate: DepthEstimate) -> str:
    """Return the 95 % interval of D50: `24 to 40`, `24 or more`."""
    return interval_text(estimate.low, estimate.high)


def d50_with_interval(estimate: DepthEstimate) -> str:
    """Return D50 with its interval: `31 (95 % interval 24 to 40)`."""
    return f"{d50_text(estimate)} (95 % interval {d50_interval_text(estimate)})"


def trainable_depth_text(series: DepthSeries) -> str:
    """Return the depth to which half of the seeds train.

    That is D50 with its interval, `31 (24 to 40)`, if it was estimated, else the depths between which it lies:
    `24 to 48`, `48 or more`, `below 8`.
    """
    bracket = series.bracket
    if not series.shares:
        return "unknown"
    if series.estimate:
        text = f"{d50_text(series.estimate)} ({d50_interval_text(series.estimate)})"
    elif bracket.low is None:
        text = f"below {bracket.high}"
    else:
        text = interval_text(bracket.low, bracket.high, str)
    return text if bracket.monotone else f"{text}, not monotone"


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


def no_verdict_reason(reference: Reference | None) -> str:
    """Return a clause on why a task has no target loss, and so no verdicts."""
    if reference is None or reference.loss_reference is None:
        return "the shallow reference that sets the target loss has not been measured"
    loss = loss_text(reference.loss_reference)
    return f"at this budget the shallow reference is hardly better than a constant prediction ({loss} nats)"


def rival_text(comparison: RivalComparison) -> tuple[str, str]:
    """Return which of two arms trains more often, and the shares: `3 of 3 (44 to 100 %) vs. 1 of 3 (6 to 79 %)`."""
    (winner, rival), (a, b) = comparison.names, comparison.shares
    verb = "trains more often than" if a.value > b.value else "does not train more often than"
    counts = " vs. ".join(f"{share.count} of {share.total} ({share_interval_text(share)})" for share in (a, b))
    return f"At depth {comparison.depth}, {winner} {verb} {rival}", counts


def cost_ratio_text(ratio: CostRatio) -> str:
    """Return the range of a cost ratio: `1.20 to 1.31`, `1.25`."""
    return interval_text(ratio.low, ratio.high, "{:.2f}".format)


def cost_text(rows: Sequence[CostRow]) -> str:
    """Return a sentence on how much longer a step takes with a norm, for the first four rows."""
    ratios = [(row.name, row.ratios["step time"]) for row in rows[:4]]
    parts = [
        f"{ratio.mean:.2f} times as long with {name} ({cost_ratio_text(ratio)} over {plural(ratio.pairs, 'pair')})"
        for name, ratio in ratios
        if ratio
    ]
    return f"A step takes {listed(parts)} as without a norm." if parts else "Step times are not recorded."


def seed_requirements(
    family: Sequence[PairedResult], noun: str, missing: Callable[[int, int], int]
) -> Iterator[tuple[str, bool]]:
    """Yield lines on the number of seeds that a family of tests needs, each with whether it is a warning.

    Args:
        family: the tests.
        noun: what one of them is called, in the singular.
        missing: from the seeds needed and those at hand to the number still to be trained.

    """
    seeds, m = [paired.n for paired in family], len(family)
    needed, fewest, most = seeds_needed(m), min(seeds), max(seeds)
    have = interval_text(fewest, most, "{:g}".format)
    adjusted = ", p after Holm" if m > 1 else ""
    yield f"{plural(m, noun)}{adjusted}: p ≤ {LEVEL:g} needs {needed} paired seeds; there are {have}", False
    if most < needed:
        more = plural(missing(needed, most), "more seed")
        yield f"no p below can reach {LEVEL:g}, whatever the difference: train {more}", True
    elif fewest < needed:
        yield f"with fewer than {needed} seeds, no p can reach {LEVEL:g}", True


def comparison_text(rows: Sequence[ComparisonRow]) -> str:
    """Return sentences on the results of a family of comparisons, and how to read them."""
    sentences = [*_one_row(rows[0])] if len(rows) == 1 else [*_several_rows(rows)]
    margins = " or ".join(sorted({loss_text(row.equivalence.margin) for row in rows}))
    sentences.append(
        f"In nats: the 90 % interval of A − B lies within ± {margins} (equivalent), beyond it (different) or"
        " across it (inconclusive)."
    )
    sentences.append(
        "A ÷ B is the ratio of the geometric means over seeds; a diverged seed counts as 2 ℓ0, a loss below 0.001"
        " as 0.001."
    )
    if any(_only_some_diverged(row) for row in rows):
        sentences.append("If only some seeds diverged, trust p: the interval then misses the mean too often.")
    return " ".join(sentences)


def factorial_text(effects: Sequence[EffectRow]) -> str:
    """Return sentences on the results of a factorial, and how to read them."""
    significant = sum(row.p_adjusted <= LEVEL for row in effects)
    return (
        f"Significant: {significant} of {plural(len(effects), 'effect')}. A main effect is the factor by which a choice"
        " multiplies the loss, averaged over the other choice. An interaction is 1 if two choices together multiply"
        " the loss by the product of their separate factors, and below 1 if together they lower it further."
    )


def baseline_text(row: EffectRow) -> str:
    """Return what a main effect is compared with, `residual=off`, or `interaction`."""
    return row.effect.kind.removeprefix("main, from ")


def ratio_text(mean: float, interval: Interval) -> str:
    """Return a mean difference of logarithms as a ratio with its interval: `0.50 [0.41, 0.62]`."""
    if math.isnan(mean):
        return "–"
    ends = "" if math.isinf(interval.low) else f" [{_number(_exp(interval.low))}, {_number(_exp(interval.high))}]"
    return f"{_number(math.exp(mean))}{ends}"


def p_text(value: float) -> str:
    """Return a p-value to three places, `0.031`, or in powers of ten if that were 0."""
    return f"{value:.3f}" if value >= 0.0005 else f"{value:.0e}"


def _only_some_diverged(row: ComparisonRow) -> bool:
    """Return whether in some pairs, but not all, one side alone diverged.

    A few such seeds carry little information on how often this happens, so the t interval is too narrow.
    """
    arms = [(match.a.test, match.b.test) for match in row.matches]
    pairs = {(seed, a.id) for a, b in arms for seed in row.seeds if (seed in _diverged(a)) != (seed in _diverged(b))}
    return 0 < len(pairs) < len(row.seeds) * len(arms)


def _diverged(cell: CellResult) -> set[int]:
    return {r.seed for r in cell.replicates if cell.verdict(r) == "diverged"}


def _one_row(row: ComparisonRow) -> Iterator[str]:
    paired, extremes = row.paired, row.paired.extremes
    if paired.n == 0:
        yield "A and B have no seed in common to compare."
        return
    significance = "significant" if row.p_adjusted <= LEVEL else "not significant"
    yield f"The final loss of A is {_number(row.ratio)} times that of B, {significance} (p {p_text(row.p_adjusted)})."
    if paired.n > 1:
        ratios = interval_text(math.exp(extremes.low), math.exp(extremes.high), _number)
        exact = f"an exact {100 * extremes.coverage:.4g} % interval of the median"
        yield f"Seed by seed the ratio is {ratios}, {exact}; the effect size is {paired.effect:.2f}."


def _several_rows(rows: Sequence[ComparisonRow]) -> Iterator[str]:
    lower, higher = (sum(r.p_adjusted <= LEVEL and r.paired.mean * sign > 0 for r in rows) for sign in (-1, 1))
    rest = f"not significantly different in {len(rows) - lower - higher}"
    yield f"Of {len(rows)} comparisons, the loss of A is significantly lower in {lower}, higher in {higher} and {rest}."
    below, above = (sum(_excludes_zero(row, sign) for row in rows) for sign in (-1, 1))
    yield f"By the t interval of each comparison alone, A is lower in {below} and higher in {above}."


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _number(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 0.1 else loss_text(value)


def _excludes_zero(row: ComparisonRow, sign: int) -> bool:
    interval = row.paired.interval
    return interval.low > 0 if sign > 0 else interval.high < 0
