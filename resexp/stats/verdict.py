"""Verdicts and flags of a replicate, from its stored losses and a stored reference.

With ℓ0 the lowest loss that a constant prediction reaches, ℓ_ref that of the shallow reference and ℓ_T the final loss
on the fixed train subset, the first rule that applies decides:

| verdict | condition |
|---|---|
| diverged | non-finite loss or gradient, or ℓ_T > max(2 ℓ0, ℓ_initial) |
| trained | ℓ_T ≤ ℓ0 − 0.8 (ℓ0 − ℓ_ref), and for text ℓ_T ≤ bigram entropy − 0.05 nats |
| stuck | ℓ_T > 0.95 ℓ0 and train accuracy ≤ majority share + 3 binomial standard errors |
| slow | otherwise |
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Version of these rules and of how the reference is measured; stored with every result."""

Verdict = Literal["trained", "slow", "stuck", "diverged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Reference:
    """What a task and a budget are judged against.

    Attributes:
        loss_constant: ℓ0 in nats.
        loss_reference: ℓ_ref in nats; None if it could not be measured.
        majority: share of the most frequent class among the training targets.
        samples: number of targets in the fixed train subset.
        loss_bigram: for sequences, the entropy in nats of a token given the token before it.
        version: VERSION when it was measured.

    """

    loss_constant: float
    loss_reference: float | None
    majority: float
    samples: int
    loss_bigram: float | None = None
    version: int = VERSION

    @property
    def measured(self) -> bool:
        """Whether ℓ_ref is known under the current rules."""
        return self.loss_reference is not None and self.version == VERSION

    @property
    def loss_target(self) -> float | None:
        """The target loss, at or below which a replicate is trained.

        None if ℓ_ref is unknown or within 20 % of ℓ0: such a task cannot carry verdicts.
        """
        if self.loss_reference is None or self.loss_constant - self.loss_reference < 0.2 * self.loss_constant:
            return None
        target = self.loss_constant - 0.8 * (self.loss_constant - self.loss_reference)
        return target if self.loss_bigram is None else min(target, self.loss_bigram - 0.05)


@dataclass(frozen=True)
class Outcome:
    """What the verdict on a replicate depends on: losses in nats and accuracy, None if not finite."""

    finite: bool
    loss_initial: float | None
    loss_train: float | None
    accuracy_train: float | None
    loss_lowest: float | None


def constant_loss(targets: Sequence[int] | NDArray[np.integer]) -> tuple[float, float]:
    """Return ℓ0, the entropy of the class frequencies in nats, and the share of the most frequent class."""
    shares = np.bincount(np.asarray(targets)) / len(targets)
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum()), float(shares.max())


def bigram_loss(tokens: NDArray[np.integer], targets: NDArray[np.integer]) -> float:
    """Return the conditional entropy in nats of the targets (N,) given the tokens before them (N,)."""
    pairs = np.unique(np.stack((tokens, targets)), axis=1, return_counts=True)[1] / len(targets)
    return float(-(pairs * np.log(pairs)).sum()) - constant_loss(tokens)[0]


def median_window(steps: int) -> int:
    """Return the window of the running median in steps, max(20, 5 % of the budget `steps`)."""
    return max(20, math.ceil(0.05 * steps))


def lowest_median(losses: NDArray[np.floating], steps: int) -> float | None:
    """Return the lowest running median of minibatch losses (S,) of a budget of `steps`; None if none is finite."""
    size = min(len(losses), median_window(steps))
    if size == 0:
        return None
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses, size), axis=-1)
    finite = medians[np.isfinite(medians)]
    return float(finite.min()) if len(finite) else None


def verdict(outcome: Outcome, reference: Reference) -> Verdict | None:
    """Return the verdict; None if the task has no target loss and the replicate has not diverged."""
    final, initial, zero = outcome.loss_train, outcome.loss_initial, reference.loss_constant
    if not outcome.finite or final is None or final > max(2 * zero, initial or 0.0):
        return "diverged"
    if reference.loss_target is None:
        return None
    if final <= reference.loss_target:
        return "trained"
    standard_error = math.sqrt(reference.majority * (1 - reference.majority) / reference.samples)
    if final > 0.95 * zero and (outcome.accuracy_train or 0.0) <= reference.majority + 3 * standard_error:
        return "stuck"
    return "slow"


def flags(outcome: Outcome, reference: Reference) -> list[str]:
    """Return the flags of a replicate.

    `collapsed`: its running median reached the target loss, its final loss is above it. `exploding`: its final loss is
    above ℓ0, though it has not diverged.
    """
    names = []
    final, lowest, target = outcome.loss_train, outcome.loss_lowest, reference.loss_target
    if target is not None and lowest is not None and lowest <= target and (final is None or final > target):
        names.append("collapsed")
    if final is not None and final > reference.loss_constant and verdict(outcome, reference) != "diverged":
        names.append("exploding")
    return names
