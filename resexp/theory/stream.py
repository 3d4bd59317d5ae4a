"""The stream of an infinitely wide network, as the statistics that determine each other from block to block.

For a stream h of n features these are the second moment q = mean h², the mean μ over features, and the covariances
p = mean h(x₁) h(x₂) of pairs of inputs, with cosine p/q. Their maps are exact at initialization as n → ∞. That of the
expected squared gradient is exact under the usual assumption that the weights of the backward pass are independent of
those of the forward pass: Schoenholz 2017 (1611.01232). Yang 2020 (2006.14548) gives the condition, a random head.
"""

from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from resexp.theory.arms import Arm, Signal
from resexp.theory.gaussian import Array, covariance, mean, slope_moment

TINY, HUGE = 1e-300, 1e300


@dataclass(frozen=True)
class Stream(Signal):
    """Statistics of the stream at one point of an infinitely wide network.

    Attributes:
        q: second moment.
        mean: mean μ over features.
        p_P: covariances of P pairs of inputs; the last is that of the average pair of a batch.
        gain: E‖∂loss/∂h‖² at the stream where `gain` was 1, relative to this stream.

    """

    q: float
    mean: float
    p_P: Array
    gain: float = 1.0

    @classmethod
    def initial(cls, arm: Arm, *cosines: float) -> "Stream":
        """Return the stream before the first block, Gaussian of mean 0, with pairs of inputs of these cosines."""
        return cls(arm.second_moment, 0.0, arm.second_moment * np.array([*cosines, arm.batch_cosine]))

    @property
    def cosines(self) -> Array:
        """Cosines of the pairs, (P − 1,), without the average pair of a batch."""
        return np.asarray(self.p_P[:-1] / self.q)

    @property
    def within_range(self) -> bool:
        """True if the second moment is far from the limits of float64."""
        return TINY < self.q < HUGE

    @override
    def times(self, factor: float) -> "Stream":
        square = factor**2
        return Stream(square * self.q, factor * self.mean, square * self.p_P, square * self.gain)

    @override
    def linear(self, weight: float, bias: float) -> "Stream":
        return Stream(weight * self.q + bias, 0.0, weight * self.p_P + bias, weight * self.gain)

    @override
    def activated(self, activation: str) -> "Stream":  # of a Gaussian stream of mean 0
        *p_P, q = covariance(activation, self.q, [*np.clip(self.p_P / self.q, -1, 1), 1.0])
        gain = self.gain * float(slope_moment(activation, self.q))
        return Stream(float(q), float(mean(activation, self.q)), np.array(p_P), gain)

    @override
    def normalized(self, normalizer: str) -> "Stream":
        # LayerNorm divides by the root of q − μ², RMSNorm of q, BatchNorm of q − p with p of the average pair. That is
        # the limit of large batches whose pairs are alike, to which such networks tend: Yang 2019 (1902.08129). In a
        # batch of B, cosines are −1/(B − 1) instead of 0, and measured backward gains are about 2/B higher per block.
        removed = {"layernorm": self.mean**2, "rmsnorm": 0.0, "batchnorm": float(self.p_P[-1])}[normalizer]
        scale = float(np.reciprocal(np.float64(self.q - removed)))
        new_mean = self.mean * np.sqrt(scale) if normalizer == "rmsnorm" else 0.0
        return Stream(1.0, new_mean, (self.p_P - removed) * scale, self.gain * scale)

    @override
    def plus(self, other: "Stream") -> "Stream":  # random weights between the two leave only their means correlated
        cross = 2 * self.mean * other.mean
        p_P = self.p_P + other.p_P + cross
        return Stream(self.q + other.q + cross, self.mean + other.mean, p_P, self.gain + other.gain)

    def with_unit_gain(self) -> "Stream":
        """Return the same statistics with `gain` 1."""
        return replace(self, gain=1.0)


OUT_OF_RANGE = Stream(np.nan, np.nan, np.full(2, np.nan), np.nan)
"""A stream of one pair whose second moment has left the range of float64."""
