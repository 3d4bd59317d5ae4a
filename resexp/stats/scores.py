"""How well a training went, as numbers: the score, steps to a target, sensitivity to the learning rate, the scale y.

ℓ0 is the loss of the best constant guess, ℓ_ref that of the shallow reference, ℓ̃_t the median of the minibatch losses
of the last max(20, 5 % of the budget) steps up to t.
"""

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from resexp.stats.verdict import Outcome, Reference, verdict, window

FLOOR = 1e-3
"""The loss in nats below which differences no longer count on the scale y."""

Losses = NDArray[np.floating]


@dataclass(frozen=True)
class StepsTo:
    """The steps to a target, or, `censored`, the steps after which it was not yet met."""

    steps: int
    censored: bool


class Scored(NamedTuple):
    """Of a replicate: S, and the steps to the bar of `trained` or, `censored`, those after which it was not yet met."""

    score: float | None = None
    steps_to_target: int | None = None
    censored: bool | None = None


def scored(losses: Losses, steps: int, reference: Reference) -> Scored:
    """All that minibatch losses (S,) of a budget of `steps` come to; None where there is no bar."""
    if reference.loss_target is None:
        return Scored()
    met = steps_to(reference.loss_target, losses, steps)
    return Scored(score(losses, steps, reference), met.steps, met.censored)


def smoothed(losses: Losses, steps: int) -> Losses:
    """ℓ̃ of minibatch losses (S,): over the window that ends at each step, or over what there is of it at first."""
    size = min(window(steps), len(losses))
    if size == 0:
        return np.empty(0)
    first = _medians(losses[: size - 1].tolist())
    full = np.median(np.lib.stride_tricks.sliding_window_view(losses, size), axis=-1)
    return np.concatenate([first, full])


def _medians(values: Sequence[float]) -> list[float]:
    """Of the first value, of the first two, …"""
    ordered, found = list[float](), list[float]()
    for value in values:
        insort(ordered, value)
        found.append((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
    return found


def score(losses: Losses, steps: int, reference: Reference) -> float | None:
    """S = clip((ℓ0 − mean_t min(ℓ̃_t, ℓ0)) / (ℓ0 − ℓ_ref), 0, 1), of minibatch losses (S,) and a budget of `steps`.

    ℓ0 counts from the first non-finite loss on, and for steps that are missing. None where there is no bar.
    """
    if reference.loss_target is None or reference.loss_reference is None:
        return None
    zero = reference.loss_constant
    finite = _finite_start(losses)
    below = np.minimum(smoothed(finite, steps), zero)
    mean = (below.sum() + (steps - len(finite)) * zero) / steps
    return float(np.clip((zero - mean) / (zero - reference.loss_reference), 0, 1))


def steps_to(target: float, losses: Losses, steps: int) -> StepsTo:
    """When ℓ̃, over a whole window, first met a loss of `target` nats; right-censored at the budget.

    One that became non-finite before would never have met it: it is censored at the budget, too.
    """
    finite = _finite_start(losses)
    size = min(window(steps), len(finite))
    met = np.flatnonzero(smoothed(finite, steps)[max(size - 1, 0) :] <= target)
    return StepsTo(int(met[0]) + size, censored=False) if len(met) else StepsTo(steps, censored=True)


def median_steps(found: Sequence[StepsTo]) -> StepsTo | None:
    """The lower median, with censored values above all others: it is censored where half of them are."""
    ordered = sorted(found, key=lambda s: (s.censored, s.steps))
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def lr_sensitivity(ends: Mapping[float, Sequence[float | None]], reference: Reference) -> float | None:
    """E_η[min(ℓ(η), ℓ0) − ℓ*] in nats: ℓ(η) the mean of min(ℓ_T, ℓ0) over the replicates, ℓ* the least (2309.14322).

    `ends` are the ℓ_T at each learning rate, None where not finite, and count as ℓ0 then. The mean is over the rates
    given. None where there are fewer than two with replicates.
    """
    zero = reference.loss_constant
    means = [float(np.mean([_capped(end, zero) for end in of_rate])) for of_rate in ends.values() if of_rate]
    return float(np.mean(means)) - min(means) if len(means) > 1 else None


def rank(trained: Sequence[bool], losses: Sequence[float | None]) -> tuple[int, float]:
    """What puts the best rate first: the most replicates `trained`, then the lowest median ℓ_T; None is the worst."""
    known = [math.inf if loss is None or math.isnan(loss) else loss for loss in losses]
    return -sum(trained), median(known) if known else math.inf


def log_loss(outcome: Outcome, reference: Reference) -> float:
    """The scale of comparisons, y = ln clip(ℓ_T, 10⁻³, 2 ℓ0); ln 2 ℓ0 where the replicate has diverged."""
    return math.log(max(nats(outcome, reference), FLOOR))


def nats(outcome: Outcome, reference: Reference) -> float:
    """min(ℓ_T, 2 ℓ0); 2 ℓ0 where the replicate has diverged."""
    most = 2 * reference.loss_constant
    end = outcome.loss_train
    return most if verdict(outcome, reference) == "diverged" else _capped(end, most)


def _capped(end: float | None, most: float) -> float:
    return most if end is None or not math.isfinite(end) else min(end, most)


def _finite_start(losses: Losses) -> Losses:
    """What stands before the first non-finite loss."""
    bad = np.flatnonzero(~np.isfinite(losses))
    return losses[: bad[0]] if len(bad) else losses
