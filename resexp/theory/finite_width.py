"""How far networks of width n stray from the limit of infinite width.

ln‖h_L‖² varies over initializations by about κ L/n, and has a mean lower than the limit's by half of that (Hanin 2018,
1803.01719: "How to start training"): second moments have heavy tails, and their logarithms are what to compare. L is in
blocks, n in features; logarithms are natural, variances of squared norms.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from resexp.config.errors import InputError
from resexp.theory.arms import BODIES, Arm, Block, without_theory
from resexp.theory.gaussian import Array
from resexp.theory.stream import Stream

WIDE = 4.0
"""The κ L/n beyond which the limit of infinite width says little about a network."""

SCATTER = {"relu": 3.0, "identity": 0.0}
"""n var ln(‖φ(u)‖²/‖u‖²), u ~ N(0, 1)ⁿ, of the activations that know no scale."""
LINEAR = {"orthogonal": 0.0}
"""n var ln(‖W u‖²/‖u‖²) by initialization: 2 for the others, whose weights are normal."""


class FiniteWidthWarning(UserWarning):
    """A network is too narrow for its depth to be like an infinitely wide one."""


def kappa(arm: Arm) -> float:
    """κ, of ReLU and linear networks without norms or biases; nan elsewhere, where `simulate` tells the scatter.

    A linear map scatters ln‖h‖² by 2/n, an orthogonal one not at all, ReLU by 3/n: 5 for act_linear and linear_act,
    7 for ffn. With a skip, s x + α f, and w the branch's share of the sum's variance: w² κ_F + 4 w (1 − w); 11/4 for
    ReLU ffn and x + f.
    """
    block = Block.of(arm)
    shifts = arm.body == "linear_act" and arm.activation == "relu" and block.skip > 0 and not block.mixed
    if without_theory(arm) or arm.activation not in SCATTER or arm.placement.anywhere or arm.bias_variance or shifts:
        return np.nan
    linear = LINEAR.get(arm.init, 2.0)
    alone = sum(SCATTER[arm.activation] if step == "act" else linear for step in BODIES[arm.body])
    skipped, branch = block.parts(Stream.entering(arm), 1)
    share = branch.q / (skipped.q + branch.q)
    mixing = linear * (1 - share) ** 2 if block.mixed else 0.0
    return float(share**2 * alone + 4 * share * (1 - share) + mixing)


@dataclass(frozen=True)
class Band:
    """Mean and standard deviation over initializations of ln(‖h_L‖²/E‖h_L‖²), of natural logarithms."""

    mean: float
    std: float


def band(arm: Arm, width: int) -> Band:
    """−κ L/2n and √(κ L/n); nan where `kappa` is. Warns with FiniteWidthWarning where κ L/n > WIDE."""
    variance = kappa(arm) * arm.depth / width
    if variance > WIDE:
        message = f"depth {arm.depth} at width {width}: κL/n = {variance:.1f} > {WIDE:g}, not like infinite width"
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
class _Walk:
    """One input's stream in R networks of width N, e^s h: values `h_RN` and logarithms `s_R1` of their unit.

    Given ‖u‖, fresh normal weights make W u normal with independent components, and an orthogonal W (`rotates`) leaves
    its length and makes its direction uniform: the law of a finite network's forward pass, at the price of vectors.
    """

    h_RN: Array
    s_R1: Array
    rng: np.random.Generator
    rotates: bool

    def _as(self, h_RN: Array, s_R1: Array | None = None) -> "_Walk":
        return replace(self, h_RN=h_RN, s_R1=self.s_R1 if s_R1 is None else s_R1)

    @property
    def log_moment(self) -> Array:
        """ln mean h², (R,)."""
        return np.asarray(np.log((self.h_RN**2).mean(-1)) + 2 * self.s_R1[:, 0])

    def times(self, factor: float) -> "_Walk":
        """Multiplied by a number."""
        return self._as(factor * self.h_RN)

    def linear(self, weight: float, bias: float) -> "_Walk":
        """After fresh weights and biases of these variances."""
        moment_R1 = (self.h_RN**2).mean(-1, keepdims=True)
        std_R1 = np.sqrt(weight * moment_R1 + bias * np.exp(-2 * self.s_R1))
        z_RN = self.rng.standard_normal(self.h_RN.shape)
        if self.rotates:
            z_RN /= np.sqrt((z_RN**2).mean(-1, keepdims=True))
        return self._as(std_R1 * z_RN)

    def activated(self, activation: str) -> "_Walk":
        """After the activation."""
        unit_R1 = 1.0 if activation in SCATTER else np.exp(self.s_R1)
        return self._as(_FUNCTIONS[activation](unit_R1 * self.h_RN) / unit_R1)

    def normalized(self, normalizer: str) -> "_Walk":
        """After LayerNorm or RMSNorm."""
        h_RN = self.h_RN - (self.h_RN.mean(-1, keepdims=True) if normalizer == "layernorm" else 0.0)
        return self._as(h_RN / np.sqrt((h_RN**2).mean(-1, keepdims=True)), 0 * self.s_R1)

    def plus(self, other: "_Walk") -> "_Walk":
        """The sum, in the unit in which its second moment is 1."""
        top_R1 = np.maximum(self.s_R1, other.s_R1)
        h_RN = self.h_RN * np.exp(self.s_R1 - top_R1) + other.h_RN * np.exp(other.s_R1 - top_R1)
        rms_R1 = np.sqrt((h_RN**2).mean(-1, keepdims=True))
        return self._as(h_RN / rms_R1, top_R1 + np.log(rms_R1))


def simulate(arm: Arm, width: int, replicates: int, seed: int = 0) -> Array:
    """ln of the second moment of each stream: (replicates, L + 1), one input in networks of their own.

    Exact in law at any width and depth. Raises InputError where there is no theory, and for batch normalization, which
    takes more than one input.
    """
    reason = without_theory(arm)
    if arm.placement.anywhere and arm.normalizer == "batchnorm":
        reason = "normalizer=batchnorm: one input is simulated, and it takes a batch"
    if reason:
        raise InputError(reason)
    rng = np.random.default_rng(seed)
    h_RN = np.sqrt(arm.second_moment) * rng.standard_normal((replicates, width))
    walk, block = _Walk(h_RN, np.zeros((replicates, 1)), rng, arm.init == "orthogonal"), Block.of(arm)
    logs = [walk.log_moment]
    for layer in range(1, arm.depth + 1):
        walk = block(walk, layer)
        logs.append(walk.log_moment)
    return np.stack(logs, axis=1)
