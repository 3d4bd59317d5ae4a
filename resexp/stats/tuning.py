"""The learning rate as a part of the arm: some seeds choose it, the others test the choice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from resexp.record.result import CellResult

KEY = "optimizer.lr"


@dataclass(frozen=True)
class Choice:
    """The best of some cells that differ in one option only.

    Attributes:
        value: its learning rate.
        at_edge: whether that is the lowest or highest there was, so that a better one may lie beyond.
        test: the cell, with the replicates that had no part in the choice.

    """

    value: float
    at_edge: bool
    test: CellResult


def choices(results: Sequence[CellResult], tuning: Sequence[int]) -> list[Choice]:
    """The best learning rate of each arm, depth and whatever else differs.

    On the seeds `tuning`: the most replicates `trained`, then the lowest median ℓ_T. Cells that are not done are out.
    """
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        if result.status == "done":
            same = {k: v for k, v in result.flat.items() if k not in (KEY, "seeds")}
            groups.setdefault(repr(sorted(same.items(), key=str)), []).append(result)
    return [_choice(group, tuning) for group in groups.values()]


def _choice(group: Sequence[CellResult], tuning: Sequence[int]) -> Choice:
    def rank(result: CellResult) -> tuple[int, float]:
        mine = [r for r in result.replicates if r.seed in tuning]
        trained = sum(result.verdict(r) == "trained" for r in mine)
        losses = [float("inf") if r.loss_train is None else r.loss_train for r in mine]
        return -trained, median(losses) if losses else float("inf")

    best = min(group, key=rank)
    rates = [float(result.flat[KEY]) for result in group]
    value = float(best.flat[KEY])
    test = replace(best, replicates=[r for r in best.replicates if r.seed not in tuning])
    return Choice(value, value in (min(rates), max(rates)), test)
