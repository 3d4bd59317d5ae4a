"""The learning rate as a part of the arm: tuning seeds choose it, the other seeds test the choice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from resexp.record.result import CellResult, mapping_key
from resexp.stats.scores import lr_sensitivity, selection_key

LR_KEY = "optimizer.lr"


@dataclass(frozen=True)
class RateChoice:
    """The learning rate chosen among cells that differ in nothing else.

    Attributes:
        lr: the learning rate.
        at_edge: whether it is the lowest or highest tried, so that a better one may lie beyond.
        test: its cell, with only the replicates that had no part in the choice.
        tuned: whether several rates were tried.
        sensitivity: learning-rate sensitivity in nats on the seeds of `test`; None if one rate was tried.

    """

    lr: float
    at_edge: bool
    test: CellResult
    tuned: bool = True
    sensitivity: float | None = None


def choose_rates(results: Sequence[CellResult], tuning_seeds: Sequence[int]) -> list[RateChoice]:
    """Choose the learning rate of each arm, depth and other setting, among the cells that are done."""
    groups: dict[str, list[CellResult]] = {}
    for result in results:
        if result.status == "done":
            same = {k: v for k, v in result.identity_config.items() if k != LR_KEY}
            groups.setdefault(mapping_key(same), []).append(result)
    return [choose_rate(group, tuning_seeds) for group in groups.values()]


def choose_rate(group: Sequence[CellResult], tuning_seeds: Sequence[int]) -> RateChoice:
    """Choose among cells that differ in their learning rate only.

    The best has the most trained replicates among the tuning seeds, then the lowest median ℓ_T of these seeds.
    """

    def tuning_key(result: CellResult) -> tuple[int, float]:
        tuning = [r for r in result.replicates if r.seed in tuning_seeds]
        return selection_key([result.verdict(r) == "trained" for r in tuning], [r.loss_train for r in tuning])

    best = min(group, key=tuning_key)
    rates = [float(result.flat.get(LR_KEY, math.nan)) for result in group]
    lr = float(best.flat.get(LR_KEY, math.nan))
    tests = [[r for r in result.replicates if r.seed not in tuning_seeds] for result in group]
    losses = {rate: [r.loss_train for r in test] for rate, test in zip(rates, tests, strict=True)}
    tuned = len(rates) > 1
    return RateChoice(
        lr=lr,
        at_edge=tuned and lr in (min(rates), max(rates)),
        test=replace(best, replicates=tests[group.index(best)]),
        tuned=tuned,
        sensitivity=lr_sensitivity(losses, best.reference) if best.reference else None,
    )
