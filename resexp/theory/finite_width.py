"""Deviations of networks of width n from the limit of infinite width.

Over initializations, ln‖h_L‖² has a variance of about κ L/n, and a mean lower than in the limit by half of that. Hanin
2018 (1803.01719), "How to start training". Second moments are heavy-tailed, so networks are compared by logarithms.
L is the number of blocks, n the number of features; logarithms are natural, variances those of ln of squared norms.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from resexp.config.errors import InputError
from resexp.theory.arms import BODIES, Arm, BlockMap, Signal, unsupported_reason
from resexp.theory.gaussian import Array
from resexp.theory.stream import Stream

MAX_VARIANCE = 4.0
"""κ L/n above which a network is too narrow for its depth to resemble the limit of infinite width."""

KAPPA_ACTIVATION = {"relu": 3.0, "identity": 0.0}
"""n var ln(‖φ(u)‖²/‖u‖²) for u ~ N(0, 1)ⁿ, of the activations that are homogeneous."""
KAPPA_LINEAR = {"orthogonal": 0.0}
"""n var ln(‖W u‖²/‖u‖²) by initializer; 2 for the others, whose weights are normal."""


class FiniteWidthWarning(UserWarning):
    """A network is too narrow for its depth to resemble an infinitely wide one."""


def kappa(arm: Arm) -> float:
    """Return κ, for ReLU and linear networks without norms or biases; nan for others, see `simulate`.

    A linear map contributes 2 (0 if orthogonal), ReLU 3 to the κ_F of a branch: 5 for act_linear and linear_act, 7 for
    ffn. With a skip, s x + α f, and w the share of the branch in the variance of the sum, κ = w² κ_F + 4 w (1 − w):
    11/4 for ReLU, ffn and x + f.
    """
    block = BlockMap.of(arm)
    adds_mean = arm.body == "linear_act" and arm.activation == "relu" and block.skip > 0 and not block.linear_skip
    if unsupported_reason(arm) or adds_mean or arm.activation not in KAPPA_ACTIVATION:
        return np.nan
    if arm.placement.anywhere or arm.bias_variance:
        return np.nan
    linear = KAPPA_LINEAR.get(arm.init, 2.0)
    kappa_branch = sum(
        KAPPA_ACTIVATION[arm.activation] if step == "activation" else linear for step in BODIES[arm.body]
    )
    skipped, branch = block.parts(Stream.initial(arm), 1)
    share = branch.q / (skipped.q + branch.q)
    kappa_skip = linear * (1 - share) ** 2 if block.linear_skip else 0.0
    return float(share**2 * kappa_branch + 4 * share * (1 - share) + kappa_skip)


@dataclass(frozen=True)
class Band:
    """Mean and standard deviation over initializations of ln(‖h_L‖²/E‖h_L‖²)."""

    mean: float
    std: float


def band(arm: Arm, width: int) -> Band:
    """Return mean −κ L/2n and standard deviation √(κ L/n), nan if `kappa` is.

    Warns:
        FiniteWidthWarning: κ L/n exceeds MAX_VARIANCE.

    """
    variance = kappa(arm) * arm.depth / width
    if variance > MAX_VARIANCE:
        message = (
            f"depth {arm.depth} at width {width}: κL/n = {variance:.1f} > {MAX_VARIANCE:g}, not like infinite width"
        )
        warnings.warn(message, FiniteWidthWarning, stacklevel=2)
    return Band(-variance / 2, float(np.sqrt(variance)))


_erf = np.vectorize(math.erf, otypes=[float])
_FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda u: np.maximum(u, 0),
    "gelu": lambda u: u * (1 + _erf(u / np.sqrt(2))) / 2,
    "silu": lambda u: u * (1 + np.tanh(u / 2)) / 2,
    "tanh": np.tanh,
    "identity": lambda u: u,
}


@dataclass(frozen=True)
class _SampledStream(Signal):
    """The streams e^s h of one input in R networks of width N: values `h_RN` and log scales `s_R1`.

    No weight matrix is sampled. Given ‖u‖, normal weights make the components of W u independent normal variables; an
    orthogonal W (`is_orthogonal`) preserves the norm and makes the direction uniform. The law is that of the forward
    pass of a network of finite width.
    """

    h_RN: Array
    s_R1: Array
    rng: np.random.Generator
    is_orthogonal: bool

    def _with(self, h_RN: Array, s_R1: Array | None = None) -> "_SampledStream":
        return replace(self, h_RN=h_RN, s_R1=self.s_R1 if s_R1 is None else s_R1)

    @property
    def log_moment(self) -> Array:
        """ln mean h², (R,)."""
        return np.asarray(np.log((self.h_RN**2).mean(-1)) + 2 * self.s_R1[:, 0])

    @override
    def times(self, factor: float) -> "_SampledStream":
        return self._with(factor * self.h_RN)

    @override
    def linear(self, weight: float, bias: float) -> "_SampledStream":
        moment_R1 = (self.h_RN**2).mean(-1, keepdims=True)
        std_R1 = np.sqrt(weight * moment_R1 + bias * np.exp(-2 * self.s_R1))
        z_RN = self.rng.standard_normal(self.h_RN.shape)
        if self.is_orthogonal:
            z_RN /= np.sqrt((z_RN**2).mean(-1, keepdims=True))
        return self._with(std_R1 * z_RN)

    @override
    def activated(self, activation: str) -> "_SampledStream":
        scale_R1 = 1.0 if activation in KAPPA_ACTIVATION else np.exp(self.s_R1)
        return self._with(_FUNCTIONS[activation](scale_R1 * self.h_RN) / scale_R1)

    @override
    def normalized(self, normalizer: str) -> "_SampledStream":
        h_RN = self.h_RN - (self.h_RN.mean(-1, keepdims=True) if normalizer == "layernorm" else 0.0)
        return self._with(h_RN / np.sqrt((h_RN**2).mean(-1, keepdims=True)), 0 * self.s_R1)

    @override
    def plus(self, other: "_SampledStream") -> "_SampledStream":
        top_R1 = np.maximum(self.s_R1, other.s_R1)
        h_RN = self.h_RN * np.exp(self.s_R1 - top_R1) + other.h_RN * np.exp(other.s_R1 - top_R1)
        rms_R1 = np.sqrt((h_RN**2).mean(-1, keepdims=True))
        return self._with(h_RN / rms_R1, top_R1 + np.log(rms_R1))


def simulate(arm: Arm, width: int, replicates: int, seed: int = 0) -> Array:
    """Sample ln of the second moments of the stream of one input, exact in law at any width and depth.

    Args:
        arm: the arm; not with batch normalization, which needs more than one input.
        width: features n.
        replicates: number of independent networks.
        seed: seed of the samples.

    Returns:
        (replicates, L + 1), the first before the first block.

    Raises:
        InputError: the theory does not cover the arm, or it has batch normalization.

    """
    reason = unsupported_reason(arm)
    if arm.placement.anywhere and arm.normalizer == "batchnorm":
        reason = "normalizer=batchnorm: the simulation has one input, and batchnorm needs a batch"
    if reason:
        raise InputError(reason)
    rng = np.random.default_rng(seed)
    h_RN = np.sqrt(arm.second_moment) * rng.standard_normal((replicates, width))
    x, block = _SampledStream(h_RN, np.zeros((replicates, 1)), rng, arm.init == "orthogonal"), BlockMap.of(arm)
    log_moments = [x.log_moment]
    for layer in range(1, arm.depth + 1):
        x = block(x, layer)
        log_moments.append(x.log_moment)
    return np.stack(log_moments, axis=1)
