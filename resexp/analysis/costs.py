"""What normalization costs: each cell with a norm against the one that is the same but for it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from resexp.formats import listed
from resexp.record.result import CellResult, Cost

Measure = Callable[[Cost], float | None]

MEASURES: dict[str, Measure] = {
    "step time": lambda cost: cost.step_seconds,
    "parameters": lambda cost: cost.parameters,
    "matrix products": lambda cost: cost.flops,
    "kept for the backward": lambda cost: cost.saved,
}


@dataclass(frozen=True)
class Ratio:
    """The geometric mean of some ratios, with the least and the largest, and how many there are."""

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def span(self) -> str:
        """`1.20 to 1.31`; one number where they are the same."""
        return " to ".join(dict.fromkeys((f"{self.low:.2f}", f"{self.high:.2f}")))


@dataclass(frozen=True)
class CostRow:
    """Of a normalizer at its place: a ratio for each measure, None where nothing is recorded."""

    name: str
    ratios: dict[str, Ratio | None]
    cells: Sequence[CellResult]

    @property
    def pairs(self) -> int:
        """How many ratios a measure has, at the most."""
        return max((ratio.pairs for ratio in self.ratios.values() if ratio), default=0)


def costs(results: Sequence[CellResult]) -> list[CostRow]:
    """A row per placement and normalizer that have counterparts without a norm, in packs of the same size."""
    plain = {_but_norm(cell): cell for cell in results if _is_measured(cell) and cell.choices["norm"] == "none"}
    rows: dict[str, list[tuple[CellResult, CellResult]]] = {}
    for cell in results:
        base = plain.get(_but_norm(cell))
        if base and _is_measured(cell) and cell.choices["norm"] != "none":
            rows.setdefault(f"{cell.choices['norm']}, {cell.choices.get('normalizer', '?')}", []).append((cell, base))
    return [_row(name, pairs) for name, pairs in rows.items()]


def _is_measured(cell: CellResult) -> bool:
    return cell.status == "done" and cell.cost is not None


def _but_norm(cell: CellResult) -> tuple[object, ...]:
    told = ("norm", "normalizer")
    same = {k: v for k, v in cell.identity_text.items() if k.split(".")[0] not in told}
    return cell.cost and cell.cost.replicates, *sorted(same.items())


def _row(name: str, pairs: Sequence[tuple[CellResult, CellResult]]) -> CostRow:
    return CostRow(
        name, {what: _ratio(pairs, measure) for what, measure in MEASURES.items()}, [cell for cell, _ in pairs]
    )


def _ratio(pairs: Sequence[tuple[CellResult, CellResult]], measure: Measure) -> Ratio | None:
    found = []
    for cell, base in pairs:
        over, under = cell.cost and measure(cell.cost), base.cost and measure(base.cost)
        if over and under:
            found.append(over / under)
    if not found:
        return None
    return Ratio(math.exp(math.fsum(map(math.log, found)) / len(found)), min(found), max(found), len(found))


def price(rows: Sequence[CostRow]) -> str:
    """Whether it costs compute, in a sentence."""
    said = []
    for row in rows[:4]:
        if time := row.ratios["step time"]:
            count = f"{time.pairs} pair{'s' * (time.pairs > 1)}"
            said.append(f"{time.mean:.2f} times as long with {row.name} ({time.span} in {count})")
    return f"A step takes {listed(said)} as without a norm." if said else "The time of a step is not recorded."
