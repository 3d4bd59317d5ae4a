"""The headline of a group of cells and the sentences below it, with their numbers and intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from resexp.analysis.groups import CellGroup, DepthSeries
from resexp.analysis.sentences import deepest_arm_text, no_verdict_reason, share_text
from resexp.formats import listed, loss_text
from resexp.record.result import mean
from resexp.stats.shares import intervals_overlap


@dataclass(frozen=True)
class Summary:
    """A headline, without its period, and the sentences below it."""

    headline: str
    sentences: list[str]


def summarize(group: CellGroup) -> Summary:
    """Summarize a group by its shares of trained seeds and its D50s, each arm at its tuned rate if there is one."""
    summary = summarize_shares(group)
    sentences = [*summary.sentences]
    estimates = {series.name: series.estimate for series in group.tuned.series if series.estimate}
    if estimates:
        sentences.append(f"By the logistic fit over all depths: {deepest_arm_text(estimates)}")
    if group.tuning_seeds:
        seeds = listed([str(seed) for seed in group.tuning_seeds])
        sentences.append(f"Seeds {seeds} chose each arm's learning rate and are not counted.")
    elif group.rates:
        sentences.append("Here each learning rate counts as a separate arm.")
    return Summary(summary.headline, sentences)


def summarize_shares(group: CellGroup) -> Summary:
    """Summarize a group by its shares of trained seeds alone."""
    group = group.tuned
    judged = [series for series in group.series if series.shares]
    if not judged:
        return _without_verdicts(group)
    best = max(series.bracket.low or 0 for series in judged)
    if best == 0:
        depths = sorted({depth for series in judged for depth in series.shares})
        where = f"depth {depths[0]}" if len(depths) == 1 else f"any of the depths {listed([str(d) for d in depths])}"
        return Summary(f"Nothing trains at {where}", [_lowest_loss(group, depths[0])])
    winners = [series for series in judged if series.bracket.low == best]
    is_deepest = best == max(group.depths)
    where = f"depth {best}" + (", the deepest tried" if is_deepest and len(group.depths) > 1 else "")
    if len(winners) == len(judged) > 1:
        rest = "Deeper networks would separate them." if is_deepest else "None of them trains deeper."
        count = "Both" if len(judged) == 2 else f"All {len(judged)}"
        return Summary(f"{count} arms train at {where}", [rest, _shares_at(winners[:1], best)])
    names = listed([series.name for series in winners])
    if len(judged) == 1:
        verb = "trains at" if is_deepest else "trains down to"
        return Summary(f"{names} {verb} {where}", [_shares_at(winners, best)])
    verb = "trains deepest" if len(winners) == 1 else "train deepest"
    subject = names if len(winners) <= 4 else f"{len(winners)} of {len(judged)} arms"
    sentences = [_shares_at(winners, best), *_best_rival(judged, winners[0], best)]
    return Summary(f"{subject} {verb}: to {where}", sentences)


def _shares_at(series: Sequence[DepthSeries], depth: int) -> str:
    parts = [f"{share_text(one.shares[depth])} of {one.name}" for one in series[:4]]
    return f"Trained at depth {depth}: {listed(parts)}."


def _best_rival(judged: Sequence[DepthSeries], winner: DepthSeries, depth: int) -> list[str]:
    """Return sentences on the best of the other arms at a depth, and whether it differs from the winner."""
    others = [series for series in judged if depth in series.shares and (series.bracket.low or 0) < depth]
    if not others:
        return []
    rival = max(others, key=lambda series: (series.shares[depth].value, series.sort_key))
    reach = f"it trains to depth {rival.bracket.low}" if rival.bracket.low else "it trains at none of these depths"
    first = f"The best other arm there, {rival.name}, has {share_text(rival.shares[depth])}; {reach}."
    overlapping = [one.name for one in others if intervals_overlap(winner.shares[depth], one.shares[depth])]
    if rival.name not in overlapping:
        return [first, "The two intervals do not overlap."]
    more = [name for name in overlapping if name != rival.name]
    too = f", and likewise for {listed(more)}" if more else ""
    return [first, f"The two intervals overlap: more seeds are needed to establish the difference{too}."]


def _without_verdicts(group: CellGroup) -> Summary:
    done = [cell for cell in group.results if cell.status == "done"]
    if not done:
        return Summary("Nothing is done yet", ["No cell has finished."])
    unmeasured = [reference for reference in group.references if reference.loss_reference is None]
    reason = no_verdict_reason([*unmeasured, *group.references, None][0])
    sentences = [f"{reason[0].upper()}{reason[1:]}.", _lowest_loss(group, max(cell.flat["depth"] for cell in done))]
    return Summary("There are no verdicts", sentences)


def _lowest_loss(group: CellGroup, depth: int) -> str:
    cells = [(series.cells[depth], series.name) for series in group.series if depth in series.cells]
    means = [(mean(r.loss_train for r in cell.replicates), name) for cell, name in cells]
    finite = [(loss, name) for loss, name in means if loss is not None]
    if not finite:
        return f"At depth {depth} no replicate ends with a finite loss."
    loss, name = min(finite)
    return f"At depth {depth} the lowest mean training loss is that of {name}: {loss_text(loss)} nats."
