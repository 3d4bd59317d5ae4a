"""The cost of normalization: each cell with a norm compared with the otherwise identical cell without one."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resexp.record.result import CellResult, Cost

CostMeasure = Callable[[Cost], float | None]

MEASURES: dict[str, CostMeasure] = {
    "step time": lambda cost: cost.step_seconds,
    "parameters": lambda cost: cost.parameters,
    "matrix products": lambda cost: cost.flops,
    "saved for backward": lambda cost: cost.saved,
}


@dataclass(frozen=True)
class CostRatio:
    """The geometric mean of the cost ratios of some pairs of cells, with the least and the largest."""

    mean: float
    low: float
    high: float
    pairs: int


@dataclass(frozen=True)
class CostRow:
    """The costs of a normalizer at a placement: a ratio for each of `MEASURES`, None if not recorded."""

    name: str
    ratios: dict[str, CostRatio | None]
    cells: Sequence[CellResult]

    @property
    def pairs(self) -> int:
        """The largest number of pairs of any measure."""
        return max((ratio.pairs for ratio in self.ratios.values() if ratio), default=0)


def norm_costs(results: Sequence[CellResult]) -> list[CostRow]:
    """Return a row for each placement and normalizer with counterparts without a norm, in packs of the same size."""
    without = {_key_without_norm(cell): cell for cell in results if _has_cost(cell) and cell.choices["norm"] == "none"}
    rows: dict[str, list[tuple[CellResult, CellResult]]] = {}
    for cell in results:
        base = without.get(_key_without_norm(cell))
        if base and _has_cost(cell) and cell.choices["norm"] != "none":
            rows.setdefault(f"{cell.choices['norm']}, {cell.choices.get('normalizer', '?')}", []).append((cell, base))
    return [_row(name, pairs) for name, pairs in rows.items()]


def _has_cost(cell: CellResult) -> bool:
    return cell.status == "done" and cell.cost is not None


def _key_without_norm(cell: CellResult) -> tuple[object, ...]:
    """Return what a cell and its counterpart without a norm have in common."""
    same = {k: v for k, v in cell.identity_text.items() if k.split(".")[0] not in ("norm", "normalizer")}
    return cell.cost and cell.cost.replicates, *sorted(same.items())


def _row(name: str, pairs: Sequence[tuple[CellResult, CellResult]]) -> CostRow:
    ratios = {label: _ratio(pairs, measure) for label, measure in MEASURES.items()}
    return CostRow(name, ratios, [cell for cell, _ in pairs])


def _ratio(pairs: Sequence[tuple[CellResult, CellResult]], measure: CostMeasure) -> CostRatio | None:
    ratios = []
    for cell, base in pairs:
        over, under = cell.cost and measure(cell.cost), base.cost and measure(base.cost)
        if over and under:
            ratios.append(over / under)
    if not ratios:
        return None
    return CostRatio(math.exp(math.fsum(map(math.log, ratios)) / len(ratios)), min(ratios), max(ratios), len(ratios))
