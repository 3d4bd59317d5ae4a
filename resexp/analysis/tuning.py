"""The learning rate as a part of the arm: some seeds choose it, the others test the choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from resexp.record.result import CellResult
from resexp.stats.scores import lr_sensitivity, selection_key

KEY = "optimizer.lr"


@dataclass(frozen=True)
class Choice:
    """The best of some cells that differ in one option only.

    Attributes:
        value: its learning rate.
        at_edge: whether that is the lowest or highest there was, so that a better one may lie beyond.
        test: the cell, with the replicates that had no part in the choice.
        tuned: whether there were others.
        sensitivity: to the learning rate, in nats, on the seeds of `test`; None where there were no others.

    """

    value: float
    at_edge: bool
    test: CellResult
    tuned: bool = True
    sensitivity: float | None = None


def choices(results: Sequence[CellResult], tuning: Sequence[int]) -> list[Choice]:
    """The best learning rate of each arm, depth and whatever else differs.

    On the seeds `tuning`: the most replicates `trained`, then the lowest median ℓ_T. Cells that are not done are out.
    """
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        if result.status == "done":
            same = {k: v for k, v in result.identity_config.items() if k != KEY}
            groups.setdefault(repr(sorted(same.items(), key=str)), []).append(result)
    return [choice(group, tuning) for group in groups.values()]


def choice(group: Sequence[CellResult], tuning: Sequence[int]) -> Choice:
    """The best of cells that differ in their learning rate only; where there is one, it is the best at any seeds."""

    def of(result: CellResult) -> tuple[int, float]:
        mine = [r for r in result.replicates if r.seed in tuning]
        return selection_key([result.verdict(r) == "trained" for r in mine], [r.loss_train for r in mine])

    best = min(group, key=of)
    rates = [float(result.flat.get(KEY, math.nan)) for result in group]
    value = float(best.flat.get(KEY, math.nan))
    tests = [[r for r in result.replicates if r.seed not in tuning] for result in group]
    ends = {rate: [r.loss_train for r in kept] for rate, kept in zip(rates, tests, strict=True)}
    tuned = len(rates) > 1
    return Choice(
        value=value,
        at_edge=tuned and value in (min(rates), max(rates)),
        test=replace(best, replicates=tests[group.index(best)]),
        tuned=tuned,
        sensitivity=lr_sensitivity(ends, best.reference) if best.reference else None,
    )
