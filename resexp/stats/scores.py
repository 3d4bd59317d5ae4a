"""Summary numbers of a training: score, steps to the target loss, learning-rate sensitivity, the scale y.

ℓ0 is the loss of the best constant prediction, ℓ_ref that of the shallow reference, ℓ̃_t the median of the minibatch
losses of the last max(20, 5 % of the budget) steps up to t. All losses are in nats.
"""

import math
from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from resexp.stats.verdict import Outcome, Reference, median_window, verdict

# Shapes: S steps.

LOSS_FLOOR = 1e-3
"""The loss in nats below which differences do not count on the scale y."""

Losses = NDArray[np.floating]


@dataclass(frozen=True)
class StepsToTarget:
    """The steps to a target loss or, if `censored`, the budget within which it was not reached."""

    steps: int
    censored: bool


class Scores(NamedTuple):
    """Score S and steps to the target loss of a replicate, as in `StepsToTarget`; None if the task has no target."""

    score: float | None = None
    steps_to_target: int | None = None
    censored: bool | None = None


def compute_scores(losses: Losses, steps: int, reference: Reference) -> Scores:
    """Return score and steps to the target loss from minibatch losses (S,) of a budget of `steps`."""
    if reference.loss_target is None:
        return Scores()
    reached = steps_to_target(reference.loss_target, losses, steps)
    return Scores(score(losses, steps, reference), reached.steps, reached.censored)


def running_median(losses: Losses, steps: int) -> Losses:
    """Return ℓ̃ (S,) of minibatch losses (S,): the median over the window that ends at each step.

    The first values are medians over the shorter windows that begin at step 0.
    """
    size = min(median_window(steps), len(losses))
    if size == 0:
        return np.empty(0)
    first = _expanding_medians(losses[: size - 1].tolist())
    full = np.median(np.lib.stride_tricks.sliding_window_view(losses, size), axis=-1)
    return np.concatenate([first, full])


def _expanding_medians(values: Sequence[float]) -> list[float]:
    """Return the median of the first value, of the first two, and so on."""
    ordered, medians = list[float](), list[float]()
    for value in values:
        insort(ordered, value)
        medians.append((ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2)
    return medians


def score(losses: Losses, steps: int, reference: Reference) -> float | None:
    """Return S = clip((ℓ0 − mean_t min(ℓ̃_t, ℓ0)) / (ℓ0 − ℓ_ref), 0, 1).

    Args:
        losses: minibatch losses (S,). Steps from the first non-finite loss on, and missing ones, count as ℓ0.
        steps: the budget.
        reference: gives ℓ0 and ℓ_ref.

    Returns:
        S from 0, never below ℓ0, to 1, at ℓ_ref from the start; None if the task has no target loss.

    """
    if reference.loss_target is None or reference.loss_reference is None:
        return None
    zero = reference.loss_constant
    finite = _finite_prefix(losses)
    capped = np.minimum(running_median(finite, steps), zero)
    mean = (capped.sum() + (steps - len(finite)) * zero) / steps
    return float(np.clip((zero - mean) / (zero - reference.loss_reference), 0, 1))


def steps_to_target(target: float, losses: Losses, steps: int) -> StepsToTarget:
    """Return the number of steps after which ℓ̃, over a full window, first reached `target`.

    Args:
        target: loss in nats.
        losses: minibatch losses (S,).
        steps: the budget. The result is right-censored there if the target was not reached before it or before the
            first non-finite loss.

    """
    finite = _finite_prefix(losses)
    size = min(median_window(steps), len(finite))
    reached = np.flatnonzero(running_median(finite, steps)[max(size - 1, 0) :] <= target)
    if not len(reached):
        return StepsToTarget(steps, censored=True)
    return StepsToTarget(int(reached[0]) + size, censored=False)


def median_steps(steps: Sequence[StepsToTarget]) -> StepsToTarget | None:
    """Return the lower median with censored values above all others; None of an empty sequence."""
    ordered = sorted(steps, key=lambda s: (s.censored, s.steps))
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def lr_sensitivity(losses: Mapping[float, Sequence[float | None]], reference: Reference) -> float | None:
    """Return the learning-rate sensitivity E_η[min(ℓ(η), ℓ0) − ℓ*] in nats (arXiv:2309.14322).

    ℓ(η) is the mean over replicates of min(ℓ_T, ℓ0), ℓ* the least of them, and E_η the mean over the given rates.

    Args:
        losses: ℓ_T of each replicate, by learning rate; None, not finite, counts as ℓ0.
        reference: gives ℓ0.

    Returns:
        The sensitivity; None if fewer than two rates have replicates.

    """
    zero = reference.loss_constant
    means = [float(np.mean([_capped_at(loss, zero) for loss in at_rate])) for at_rate in losses.values() if at_rate]
    return float(np.mean(means)) - min(means) if len(means) > 1 else None


def selection_key(trained: Sequence[bool], losses: Sequence[float | None]) -> tuple[int, float]:
    """Return a sort key that puts the best learning rate first.

    The best has the most trained replicates, then the lowest median ℓ_T; None, not finite, is the worst loss.
    """
    values = [math.inf if loss is None or math.isnan(loss) else loss for loss in losses]
    return -sum(trained), median(values) if values else math.inf


def log_loss(outcome: Outcome, reference: Reference) -> float:
    """Return the scale of comparisons, y = ln clip(ℓ_T, 10⁻³, 2 ℓ0); ln 2 ℓ0 if the replicate diverged."""
    return math.log(max(capped_loss(outcome, reference), LOSS_FLOOR))


def capped_loss(outcome: Outcome, reference: Reference) -> float:
    """Return min(ℓ_T, 2 ℓ0) in nats; 2 ℓ0 if the replicate diverged."""
    cap = 2 * reference.loss_constant
    return cap if verdict(outcome, reference) == "diverged" else _capped_at(outcome.loss_train, cap)


def _capped_at(loss: float | None, cap: float) -> float:
    return cap if loss is None or not math.isfinite(loss) else min(loss, cap)


def _finite_prefix(losses: Losses) -> Losses:
    """Return the losses before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(losses))
    return losses[: bad[0]] if len(bad) else losses
