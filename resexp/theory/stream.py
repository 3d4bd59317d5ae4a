"""The stream of an infinitely wide network, as the few statistics that its blocks map.

A stream of n features is known by its second moment q = mean h², its mean μ over features, and the covariances
p = mean h(x₁) h(x₂) of pairs of inputs, with cosine p/q. As n → ∞ their maps are exact at initialization; that of the
expected squared gradient is so under the usual assumption that the weights it meets are independent of those that made
the activations (Schoenholz 2017, 1611.01232; Yang 2020, 2006.14548, says when it holds: the head is random).
"""

from dataclasses import dataclass, replace

import numpy as np

from resexp.theory.arms import Arm
from resexp.theory.gaussian import Array, covariance, mean, slope_moment

TINY, HUGE = 1e-300, 1e300


@dataclass(frozen=True)
class Stream:
    """q, μ, and the covariances p_P of pairs: of those that are followed and, last, of the average pair of a batch.

    `gain` is E‖∂loss/∂h‖² at the stream that set out with a gain of 1, relative to this one.
    """

    q: float
    mean: float
    p_P: Array
    gain: float = 1.0

    @classmethod
    def entering(cls, arm: Arm, *cosines: float) -> "Stream":
        """The stream before the first block, Gaussian as linear maps of the data make it, with pairs of `cosines`."""
        return cls(arm.second_moment, 0.0, arm.second_moment * np.array([*cosines, arm.batch_cosine]))

    @property
    def cosines(self) -> Array:
        """(P − 1,) of the pairs that are followed."""
        return np.asarray(self.p_P[:-1] / self.q)

    @property
    def within_range(self) -> bool:
        """Whether float64 can still tell what becomes of it."""
        return TINY < self.q < HUGE

    def times(self, factor: float) -> "Stream":
        """Multiplied by a number."""
        square = factor**2
        return Stream(square * self.q, factor * self.mean, square * self.p_P, square * self.gain)

    def linear(self, weight: float, bias: float) -> "Stream":
        """After fresh weights of variance `weight`/n and biases of variance `bias`."""
        return Stream(weight * self.q + bias, 0.0, weight * self.p_P + bias, weight * self.gain)

    def activated(self, activation: str) -> "Stream":
        """After the activation of a Gaussian stream of mean 0."""
        *p_P, q = covariance(activation, self.q, [*np.clip(self.p_P / self.q, -1, 1), 1.0])
        gain = self.gain * float(slope_moment(activation, self.q))
        return Stream(float(q), float(mean(activation, self.q)), np.array(p_P), gain)

    def normalized(self, normalizer: str) -> "Stream":
        """After the normalizer, whose ε is neglected.

        It divides by q − μ² (LayerNorm), by q (RMSNorm), or by q − p (BatchNorm), p being that of the average pair: its
        batch is large and its pairs alike, the state to which such networks tend. Yang 2019 (1902.08129). In a batch
        of B cosines are −1/(B − 1) where 0 is predicted, and backward gains were measured about 2/B higher a block.
        """
        taken = {"layernorm": self.mean**2, "rmsnorm": 0.0, "batchnorm": float(self.p_P[-1])}[normalizer]
        scale = float(np.reciprocal(np.float64(self.q - taken)))
        kept = self.mean * np.sqrt(scale) if normalizer == "rmsnorm" else 0.0
        return Stream(1.0, kept, (self.p_P - taken) * scale, self.gain * scale)

    def plus(self, other: "Stream") -> "Stream":
        """The sum of two streams that come from one: the weights between them leave only their means correlated."""
        cross = 2 * self.mean * other.mean
        p_P = self.p_P + other.p_P + cross
        return Stream(self.q + other.q + cross, self.mean + other.mean, p_P, self.gain + other.gain)

    def fresh(self) -> "Stream":
        """The same, with a gain of 1."""
        return replace(self, gain=1.0)


LOST = Stream(np.nan, np.nan, np.full(2, np.nan), np.nan)
"""A stream of one pair beyond the range of float64."""
