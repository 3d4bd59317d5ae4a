"""Tests within a group of cells: the arm that trains deepest against each other arm, and the factorial effects."""

from collections.abc import Sequence
from dataclasses import dataclass

from resexp.analysis.compare import ComparisonRow, EffectRow, compare_matches, factorial_rows
from resexp.analysis.groups import CellGroup, DepthSeries
from resexp.analysis.pairing import MatchedArms
from resexp.analysis.tuning import choose_rate
from resexp.record.result import CellResult
from resexp.stats.shares import Share, intervals_overlap


@dataclass(frozen=True)
class RivalComparison:
    """The deepest-training arm compared with one other arm, its rival, at one depth.

    Attributes:
        depth: in blocks.
        names: the winner and the rival; `shares` and `cells` have the same order.
        shares: the shares of trained seeds.
        cells: the cells compared.
        row: the test of their final losses.

    """

    depth: int
    names: tuple[str, str]
    shares: tuple[Share, Share]
    cells: tuple[CellResult, CellResult]
    row: ComparisonRow

    @property
    def is_separated(self) -> bool:
        """Whether the 95 % intervals of the two shares do not overlap."""
        return not intervals_overlap(*self.shares)


def rival_comparisons(group: CellGroup) -> list[RivalComparison]:
    """Compare the arm that trains deepest with each other arm, at the deepest shared depth at which it trains."""
    judged = [series for series in group.tuned.series if series.shares]
    winner = judged[0] if judged else None
    limit = winner.bracket.low if winner else None
    if winner is None or limit is None:
        return []
    pairs: list[tuple[DepthSeries, int]] = []
    for rival in judged[1:]:
        shared = [depth for depth in rival.shares if depth in winner.shares and depth <= limit]
        if shared:
            pairs.append((rival, max(shared)))
    matches = [
        MatchedArms(
            {"B": f"{rival.name}, depth {depth}"},
            choose_rate([winner.cells[depth]], ()),
            choose_rate([rival.cells[depth]], ()),
        )
        for rival, depth in pairs
    ]
    return [
        RivalComparison(
            depth=depth,
            names=(winner.name, rival.name),
            shares=(winner.shares[depth], rival.shares[depth]),
            cells=(winner.cells[depth], rival.cells[depth]),
            row=row,
        )
        for (rival, depth), row in zip(pairs, compare_matches(matches), strict=True)
    ]


def group_effects(group: CellGroup) -> Sequence[EffectRow]:
    """Return the effects of residual × norm of a group; none if it has several learning rates and no tuning seeds."""
    if group.rates and not group.tuning_seeds:
        return ()
    cells = [cell for cell in group.results if cell.status == "done" and cell.is_judged]
    return factorial_rows(cells, group.tuning_seeds)
