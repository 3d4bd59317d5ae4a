"""Gaussian expectations of activations in closed form, at any variance and correlation.

Every activation is a gate: the probability that noise ξ = √a g, g ~ N(0, 1), is below the input u.

| φ | formula | variance a of the noise |
|---|---|---|
| relu | u P(ξ < u) | 0 |
| gelu | u P(ξ < u) | 1: P is the normal distribution function. Hendrycks 2016 (1606.08415) |
| silu | u P(ξ < u) | S², random: P is the logistic function |
| tanh | 2 P(ξ < u) − 1 | S²/4, random: P is the logistic function of 2u |
| identity | u | |

S is twice a Kolmogorov-distributed variable, for which S g is logistic: Andrews 1974, "Scale mixtures of normal
distributions", section 5. This leaves expectations of normal variables over half-lines, which are exact at any variance
and at correlation 1. Quadrature in u is not: Gauss–Hermite with 61 nodes misses E φ'² of tanh by 113 % at q = 50. The
mean over S is a sum of K terms, exact to rounding.

Everywhere u, u₁, u₂ ~ N(0, q), and u₁, u₂ have correlation c. q ≥ 0 and −1 ≤ c ≤ 1 are numbers or arrays, broadcast
against each other to the shape (…) of the result. Unknown activations raise InputError.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resexp.config.errors import InputError, nearest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Gate:
    """φ as a mixture of K gates.

    Attributes:
        variances_K: variances a of the noise.
        weights_K: their probabilities.
        linear: φ is u P if true, else 2 P − 1.

    """

    variances_K: Array
    weights_K: Array
    linear: bool

    def average(self, terms_K: Array) -> Array:
        """Average over the noise variance of one unit, (…, K) → (…)."""
        return np.asarray(terms_K @ self.weights_K)

    def average_pairs(self, terms_KK: Array) -> Array:
        """Average over the noise variances of two units, (…, K, K) → (…)."""
        return np.asarray(np.einsum("...ij,i,j->...", terms_KK, self.weights_K, self.weights_K))


def _kolmogorov(x: Array) -> Array:
    """Return the density of Kolmogorov's distribution at x > 0, by the one of its two series that converges fast."""
    k, odd = np.arange(1, 7), (np.arange(1, 12, 2) * np.pi / 2) ** 2
    x = x[:, None]
    large = 8 * x * (-1.0) ** (k - 1) * k**2 * np.exp(-2 * k**2 * x**2)
    small = np.sqrt(2 * np.pi) * np.exp(-odd / (2 * x**2)) * (odd / x**4 - 1 / x**2)
    return np.asarray(np.where(x > 1, large, small).sum(-1))


def _logistic_mixture(scale: float) -> tuple[Array, Array]:
    """Return variances and weights of the normal mixture that is `scale` × a logistic variable, on a grid of ln S."""
    x = np.exp(np.linspace(np.log(0.17), np.log(4.7), 36))
    weights = x * _kolmogorov(x)
    return (2 * scale * x) ** 2, weights / weights.sum()


_ONE = np.ones(1)
_GATES = {
    "relu": _Gate(np.zeros(1), _ONE, linear=True),
    "gelu": _Gate(_ONE, _ONE, linear=True),
    "silu": _Gate(*_logistic_mixture(1.0), linear=True),
    "tanh": _Gate(*_logistic_mixture(0.5), linear=False),
    "identity": None,
}
ACTIVATIONS = tuple(_GATES)
"""The activations that the theory covers."""


def _gate(activation: str) -> _Gate | None:
    if activation not in _GATES:
        raise InputError(f"activation={activation}: no theory for it{nearest(activation, ACTIVATIONS)}")
    return _GATES[activation]


@dataclass(frozen=True)
class _Pair:
    """Two inputs and their noises, scaled by `unit` so that no variance is large; arrays are (…, K, K).

    A = a + q and B = b + q are the variances of input minus noise, and r² = A B − p² is their determinant.

    Attributes:
        q: variance of the inputs.
        p: covariance of the inputs.
        a: variance of the noise of the first input.
        b: variance of the noise of the second input.
        unit: the unit of variance, (…).

    """

    q: Array
    p: Array
    a: Array
    b: Array
    unit: Array

    @classmethod
    def of(cls, gate: _Gate, q: ArrayLike, c: ArrayLike) -> "_Pair":
        q, c = np.broadcast_arrays(np.asarray(q, float), np.asarray(c, float))
        unit = np.maximum(q, gate.variances_K.max())
        # A φ without noise is homogeneous, so that at q = 0 the terms of q = 1 can be used.
        inner = np.divide(q, unit, out=np.ones_like(q), where=unit > 0)[..., None, None]
        noise = gate.variances_K / np.where(unit > 0, unit, 1.0)[..., None]
        return cls(inner, c[..., None, None] * inner, noise[..., :, None], noise[..., None, :], unit)

    @cached_property
    def square(self) -> Array:
        """r², without cancellation as c → 1."""
        return self.a * self.b + self.q * (self.a + self.b) + (self.q - self.p) * (self.q + self.p)

    @cached_property
    def r(self) -> Array:
        return np.sqrt(self.square)

    @cached_property
    def noise_share(self) -> Array:
        """a/A + b/B."""
        return self.a / (self.a + self.q) + self.b / (self.b + self.q)

    @property
    def angle(self) -> Array:
        """arcsin(p/√AB), of the correlation of the two differences of input and noise."""
        return np.asarray(np.arctan2(self.p, self.r))


def _ratio(numerator: Array, denominator: Array) -> Array:
    """Divide, with 0/0 = 0: both vanish for relu at c = ±1 only, the numerator to higher order."""
    out = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def covariance(activation: str, q: ArrayLike, c: ArrayLike) -> Array:
    """Return E φ(u₁) φ(u₂).

    relu: q [√(1−c²) + c (π − arccos c)]/2π, Cho 2009 ("Kernel methods for deep learning"). With A = a + q, B = b + q,
    p = c q and r² = A B − p², gelu and silu: p/4 + p arcsin(p/√AB)/2π + [q² − p² + p² (a/A + b/B)]/2πr;
    tanh: (2/π) arcsin(p/√AB); each averaged over the noise variances a and b.
    """
    gate = _gate(activation)
    if gate is None:
        return np.asarray(np.multiply(q, c, dtype=float))
    pair = _Pair.of(gate, q, c)
    if not gate.linear:
        return gate.average_pairs(2 / np.pi * pair.angle)
    above = (pair.q - pair.p) * (pair.q + pair.p) + pair.p**2 * pair.noise_share
    terms = pair.p * (0.25 + pair.angle / (2 * np.pi)) + _ratio(above, 2 * np.pi * pair.r)
    return np.asarray(pair.unit * gate.average_pairs(terms))


def slope_covariance(activation: str, q: ArrayLike, c: ArrayLike) -> Array:
    """Return E φ'(u₁) φ'(u₂).

    It is the derivative of `covariance` with respect to the covariance c q of the inputs (Price's theorem).
    relu: 1/2 − arccos(c)/2π. In the notation of `covariance`, gelu and silu:
    1/4 + arcsin(p/√AB)/2π + p [2 (a/A + b/B) + (p² (a/A + b/B) − q (a + b) − a b)/r²]/2πr; tanh: (2/π)/r.
    """
    gate = _gate(activation)
    if gate is None:
        return np.ones(np.broadcast_shapes(np.shape(q), np.shape(c)))
    pair = _Pair.of(gate, q, c)
    if not gate.linear:
        return np.asarray(gate.average_pairs(2 / np.pi / pair.r) / pair.unit)
    share = pair.noise_share
    excess = pair.p**2 * share - pair.q * (pair.a + pair.b) - pair.a * pair.b
    bracket = 2 * share + _ratio(excess, pair.square)
    return gate.average_pairs(0.25 + pair.angle / (2 * np.pi) + _ratio(pair.p * bracket, 2 * np.pi * pair.r))


def second_moment(activation: str, q: ArrayLike) -> Array:
    """Return V(q) = E φ(u)², `covariance` at c = 1.

    relu: q/2; gelu: q/4 + (q/2π) arcsin(q/(1+q)) + q²/(π (1+q) √(1+2q)).
    """
    return covariance(activation, q, 1.0)


def slope_moment(activation: str, q: ArrayLike) -> Array:
    """Return D(q) = E φ'(u)², `slope_covariance` at c = 1.

    relu: 1/2; gelu: 1/4 + arcsin(q/(1+q))/2π + q (3+5q)/(2π (1+q) (1+2q)^(3/2)).
    """
    return slope_covariance(activation, q, 1.0)


def mean(activation: str, q: ArrayLike) -> Array:
    """Return m(q) = E φ(u). relu, gelu, silu: q/√(2π (a + q)), averaged over a; tanh and identity: 0."""
    gate, q = _gate(activation), np.asarray(q, float)
    if gate is None or not gate.linear:
        return np.zeros_like(q)
    share = _ratio(q[..., None], gate.variances_K + q[..., None])
    return np.asarray(np.sqrt(q / (2 * np.pi)) * gate.average(np.sqrt(share)))


def curvature(activation: str, q: ArrayLike) -> Array:
    """Return E φ''(u) φ(u) = V'(q) − D(q).

    In the notation of `covariance` at c = 1, with v = a q/A, gelu and silu: v [2 − (q/A) (2 + b A/r²)]/2πr;
    tanh: −2q/(π A r); relu and identity: 0 (φ'' of relu is δ, and φ(0) = 0).
    """
    gate = _gate(activation)
    if gate is None:
        return np.zeros(np.shape(q))
    pair = _Pair.of(gate, q, 1.0)
    share = pair.q / (pair.a + pair.q)
    if not gate.linear:
        return np.asarray(gate.average_pairs(-2 * share / (np.pi * pair.r)) / pair.unit)
    bracket = 2 - share * (2 + _ratio(pair.b * (pair.a + pair.q), pair.square))
    return gate.average_pairs(_ratio(pair.a * share * bracket, 2 * np.pi * pair.r))
