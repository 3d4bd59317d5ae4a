"""The statements that the answer rests on, with their tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from resexp.analysis.compare import ComparisonRow, EffectRow, effects, tested
from resexp.analysis.groups import Group, Line
from resexp.analysis.headline import percent
from resexp.analysis.pairing import Match
from resexp.analysis.tuning import choice
from resexp.record.result import CellResult
from resexp.stats.shares import intervals_overlap


@dataclass(frozen=True)
class Statement:
    """One arm against another at one depth: what is said, on what grounds, its test, and the cells it rests on."""

    text: str
    grounds: str
    holds: bool
    cells: Sequence[CellResult]
    row: ComparisonRow


def statements(group: Group) -> list[Statement]:
    """The arm that trains deepest against every other, at the deepest depth to which it trains that both have."""
    judged = [line for line in group.fair.lines if line.shares]
    winner = judged[0] if judged else None
    depth = winner.half.low if winner else None
    if winner is None or depth is None:
        return []
    pairs = [
        (line, max(shared))
        for line in judged[1:]
        if (shared := [d for d in line.shares if d in winner.shares and d <= depth])
    ]
    matches = [
        Match({"B": f"{line.name}, depth {depth}"}, *(choice([side.cells[depth]], ()) for side in (winner, line)))
        for line, depth in pairs
    ]
    return [_statement(winner, line, at, row) for (line, at), row in zip(pairs, tested(matches), strict=True)]


def _statement(winner: Line, line: Line, depth: int, row: ComparisonRow) -> Statement:
    a, b = winner.shares[depth], line.shares[depth]
    more = "trains more often than" if a.value > b.value else "is not seen to train more often than"
    return Statement(
        f"At depth {depth}, {winner.name} {more} {line.name}",
        f"{a.count} of {a.total} ({percent(a)}) against {b.count} of {b.total} ({percent(b)})",
        not intervals_overlap(a, b),
        (winner.cells[depth], line.cells[depth]),
        row,
    )


def factorials(group: Group) -> tuple[EffectRow, ...]:
    """The effects of residual × norm, where the cells are such grids; of rates that nothing chooses among, none."""
    if group.rates and not group.tuning:
        return ()
    return effects([cell for cell in group.results if cell.status == "done" and cell.is_judged], group.tuning)
