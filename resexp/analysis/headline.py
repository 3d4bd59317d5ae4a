"""The answer in plain words, with its numbers and intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from resexp.analysis.groups import Group, Line
from resexp.analysis.sentences import d50_interval_text, d50_text, deepest_arm_text
from resexp.formats import listed, loss_text
from resexp.record.result import mean
from resexp.stats.shares import Share, intervals_overlap


@dataclass(frozen=True)
class Answer:
    """The headline of a group and the sentences below it."""

    headline: str
    sentences: list[str]


def percent(share: Share) -> str:
    """`57 to 100 %`."""
    low, high = share.interval()
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def told(share: Share) -> str:
    """`5 of 5 seeds (95 % interval 57 to 100 %)`."""
    return f"{share.count} of {share.total} seeds (95 % interval {percent(share)})"


def half_text(line: Line) -> str:
    """To which depth half of the seeds are trained: D50 with its interval, else between which depths it lies.

    `31 (24 to 40)`; `24 to 48`, `48 or more`, `below 8`.
    """
    found = line.half
    if not line.shares:
        return "unknown"
    if line.located:
        text = f"{d50_text(line.located)} ({d50_interval_text(line.located)})"
    elif found.low is None:
        return f"below {found.high}"
    else:
        text = f"{found.low} or more" if found.high is None else f"{found.low} to {found.high}"
    return text if found.monotone else f"{text}, not monotone"


def answer(group: Group) -> Answer:
    """What the cells of a group say; where tuning seeds choose its learning rate, of each arm at its own."""
    found = by_shares(group)
    located = {line.name: line.located for line in group.fair.lines if line.located}
    if located:
        deepest = deepest_arm_text(located)
        found = Answer(found.headline, [*found.sentences, f"By the logistic fit over all depths: {deepest}"])
    if group.tuning:
        seeds = listed([str(seed) for seed in group.tuning])
        return Answer(
            found.headline, [*found.sentences, f"Seeds {seeds} chose each arm's learning rate and count no more."]
        )
    if group.rates:
        return Answer(found.headline, [*found.sentences, "Each learning rate is an arm of its own here."])
    return found


def by_shares(group: Group) -> Answer:
    """The same by the shares of trained seeds alone, without what all depths together tell."""
    group = group.fair
    judged = [line for line in group.lines if line.shares]
    if not judged:
        return _unjudged(group)
    best = max(line.half.low or 0 for line in judged)
    if best == 0:
        depths = sorted({depth for line in judged for depth in line.shares})
        where = f"depth {depths[0]}" if len(depths) == 1 else f"any of the depths {listed([str(d) for d in depths])}"
        return Answer(f"Nothing trains at {where}", [_least_loss(group, depths[0])])
    winners = [line for line in judged if line.half.low == best]
    deepest = best == max(group.depths)
    names = listed([line.name for line in winners])
    where = f"depth {best}" + (", the deepest tried" if deepest and len(group.depths) > 1 else "")
    if len(winners) == len(judged) > 1:
        rest = "Deeper networks would tell them apart." if deepest else "None of them trains deeper."
        count = "Both" if len(judged) == 2 else f"All {len(judged)}"
        return Answer(f"{count} arms train at {where}", [rest, _at(winners[:1], best)])
    if len(judged) == 1:
        verb = "trains at" if deepest else "trains down to"
        return Answer(f"{names} {verb} {where}", [_at(winners, best)])
    verb = "trains deepest" if len(winners) == 1 else "train deepest"
    shown = names if len(winners) <= 4 else f"{len(winners)} of {len(judged)} arms"
    return Answer(f"{shown} {verb}: to {where}", [_at(winners, best), *_next(judged, winners[0], best)])


def _at(lines: Sequence[Line], depth: int) -> str:
    parts = [f"{told(line.shares[depth])} of {line.name}" for line in lines[:4]]
    return f"Trained at depth {depth}: {listed(parts)}."


def _next(judged: Sequence[Line], winner: Line, depth: int) -> list[str]:
    """How the best of the others do, and whether that is any different."""
    others = [line for line in judged if depth in line.shares and (line.half.low or 0) < depth]
    if not others:
        return []
    rival = max(others, key=lambda line: (line.shares[depth].value, line.rank))
    reach = f"it trains to depth {rival.half.low}" if rival.half.low else "it trains at none of these depths"
    first = f"The best of the others there, {rival.name}, comes to {told(rival.shares[depth])}; {reach}."
    alike = [line.name for line in others if intervals_overlap(winner.shares[depth], line.shares[depth])]
    if rival.name not in alike:
        return [first, "The two intervals do not overlap."]
    more = [name for name in alike if name != rival.name]
    too = f", and of those from {listed(more)}" if more else ""
    return [first, f"The two intervals overlap: more seeds are needed to be sure of the difference{too}."]


def _unjudged(group: Group) -> Answer:
    done = [cell for cell in group.results if cell.status == "done"]
    if not done:
        return Answer("Nothing is done yet", ["No cell has come to its end; what there is of them stands below."])
    known = group.references and all(reference.loss_reference is not None for reference in group.references)
    why = (
        "At this budget the shallow reference hardly beats a constant guess, so that the task cannot carry verdicts."
        if known
        else "The shallow reference that sets the bar is not measured."
    )
    return Answer("There are no verdicts", [why, _least_loss(group, max(cell.flat["depth"] for cell in done))])


def _least_loss(group: Group, depth: int) -> str:
    at = [(line.cells[depth], line.name) for line in group.lines if depth in line.cells]
    losses = [(mean(r.loss_train for r in cell.replicates), name) for cell, name in at]
    known = [(loss, name) for loss, name in losses if loss is not None]
    if not known:
        return f"At depth {depth} no replicate ends with a finite loss."
    loss, name = min(known)
    return f"At depth {depth} the lowest mean training loss is that of {name}: {loss_text(loss)} nats."
