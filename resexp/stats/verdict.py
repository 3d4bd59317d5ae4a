"""What became of a replicate: verdict and flags, from stored losses and a stored reference.

With ℓ0 the lowest loss that a constant predictor reaches, ℓ_ref that of the shallow reference and ℓ_T the loss at the
end on the fixed train subset, in this order:

| verdict | when |
|---|---|
| diverged | non-finite loss or gradient, or ℓ_T > max(2 ℓ0, ℓ_initial) |
| trained | ℓ_T ≤ ℓ0 − 0.8 (ℓ0 − ℓ_ref), and of text 0.05 nats below what the symbol before tells |
| stuck | ℓ_T > 0.95 ℓ0 and train accuracy ≤ majority share + 3 binomial standard errors |
| slow | anything else |
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

VERSION = 1
"""Of the rules below and of how the reference is measured; stored with every result."""

Verdict = Literal["trained", "slow", "stuck", "diverged"]
VERDICTS: tuple[Verdict, ...] = ("trained", "slow", "stuck", "diverged")


@dataclass(frozen=True)
class Reference:
    """The bar that a task and a budget set.

    Attributes:
        loss_constant: ℓ0 in nats.
        loss_reference: ℓ_ref in nats; None where it could not be measured.
        majority: share of the most frequent class among the training targets.
        samples: targets in the fixed train subset.
        loss_bigram: of sequences, the loss in nats of the best guess that sees the symbol before alone.
        version: VERSION at the time.

    """

    loss_constant: float
    loss_reference: float | None
    majority: float
    samples: int
    loss_bigram: float | None = None
    version: int = VERSION

    @property
    def measured(self) -> bool:
        """Whether ℓ_ref is known, by today's rules."""
        return self.loss_reference is not None and self.version == VERSION

    @property
    def loss_target(self) -> float | None:
        """The loss at or below which a replicate is trained; None where the task cannot carry verdicts."""
        if self.loss_reference is None or self.loss_constant - self.loss_reference < 0.2 * self.loss_constant:
            return None
        target = self.loss_constant - 0.8 * (self.loss_constant - self.loss_reference)
        return target if self.loss_bigram is None else min(target, self.loss_bigram - 0.05)


@dataclass(frozen=True)
class Outcome:
    """What a replicate came to: losses in nats, None where they are not finite."""

    finite: bool
    loss_initial: float | None
    loss_train: float | None
    accuracy_train: float | None
    loss_lowest: float | None


def constant_loss(targets: Sequence[int] | NDArray[np.integer]) -> tuple[float, float]:
    """ℓ0, the entropy of the class frequencies in nats, and the share of the most frequent class."""
    shares = np.bincount(np.asarray(targets)) / len(targets)
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum()), float(shares.max())


def bigram_loss(symbols: NDArray[np.integer], targets: NDArray[np.integer]) -> float:
    """The entropy in nats of the targets given their symbols, by the shares of pairs."""
    pairs = np.unique(np.stack((symbols, targets)), axis=1, return_counts=True)[1] / len(targets)
    return float(-(pairs * np.log(pairs)).sum()) - constant_loss(symbols)[0]


def window(steps: int) -> int:
    """The steps that a running median takes, of a budget of `steps`."""
    return max(20, math.ceil(0.05 * steps))


def lowest_median(losses: NDArray[np.floating], steps: int) -> float | None:
    """The lowest running median of minibatch losses (S,), over max(20, 5 % of `steps`) steps; None if never finite."""
    size = min(len(losses), window(steps))
    if size == 0:
        return None
    medians = np.median(np.lib.stride_tricks.sliding_window_view(losses, size), axis=-1)
    finite = medians[np.isfinite(medians)]
    return float(finite.min()) if len(finite) else None


def verdict(outcome: Outcome, reference: Reference) -> Verdict | None:
    """The verdict; None where the reference carries none and the replicate has not diverged."""
    end, initial, zero = outcome.loss_train, outcome.loss_initial, reference.loss_constant
    if not outcome.finite or end is None or end > max(2 * zero, initial or 0.0):
        return "diverged"
    if reference.loss_target is None:
        return None
    if end <= reference.loss_target:
        return "trained"
    error = math.sqrt(reference.majority * (1 - reference.majority) / reference.samples)
    if end > 0.95 * zero and (outcome.accuracy_train or 0.0) <= reference.majority + 3 * error:
        return "stuck"
    return "slow"


def flags(outcome: Outcome, reference: Reference) -> list[str]:
    """`collapsed`: met the trained bar once and ends above it; `exploding`: ends above ℓ0 without having diverged."""
    found = []
    end, lowest = outcome.loss_train, outcome.loss_lowest
    if (
        reference.loss_target is not None
        and lowest is not None
        and lowest <= reference.loss_target
        and (end is None or end > reference.loss_target)
    ):
        found.append("collapsed")
    if end is not None and end > reference.loss_constant and verdict(outcome, reference) != "diverged":
        found.append("exploding")
    return found
