"""Gaussian expectations of activations in closed form, for any variance and correlation.

Every activation here is gated by the chance that some noise ξ = √a g, g ~ N(0, 1), stays below the input:

| φ | formula | variance a of the noise |
|---|---|---|
| relu | u P(ξ < u) | 0 |
| gelu | u P(ξ < u) | 1: P is the normal distribution function. Hendrycks 2016 (1606.08415) |
| silu | u P(ξ < u) | S²: P is the logistic function |
| tanh | 2 P(ξ < u) − 1 | S²/4: the logistic function of 2u |
| identity | u | |

S is twice a Kolmogorov-distributed variable, for which S g is logistic (Andrews 1974, "Scale mixtures of normal
distributions", section 5). What remains are expectations over half-lines of normal variables, exact at every variance
and at correlation 1, where quadrature in u is not: Gauss–Hermite with 61 nodes misses E φ'² of tanh by 113 % at q = 50.
The mean over S is a sum of K terms, exact to rounding.

u, u₁, u₂ ~ N(0, q) throughout, the latter two with correlation c. All quantities are pure numbers. q ≥ 0 and −1 ≤ c ≤ 1
are numbers or arrays (…), broadcast against each other; results are (…). Unknown activations raise InputError.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resexp.config.errors import InputError, nearest

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Gate:
    """φ as a mixture of gates: `variances_K` of the noise and their `weights_K`; `linear` tells u P from 2 P − 1."""

    variances_K: Array
    weights_K: Array
    linear: bool

    def mean_of(self, terms_K: Array) -> Array:
        """(…, K) → (…): the mean over the noise of one unit."""
        return np.asarray(terms_K @ self.weights_K)

    def mean_of_pairs(self, terms_KK: Array) -> Array:
        """(…, K, K) → (…): the mean over the noise of both."""
        return np.asarray(np.einsum("...ij,i,j->...", terms_KK, self.weights_K, self.weights_K))


def _kolmogorov(x: Array) -> Array:
    """The density of Kolmogorov's distribution at x > 0: each of its two series where it converges in a few terms."""
    k, odd = np.arange(1, 7), (np.arange(1, 12, 2) * np.pi / 2) ** 2
    x = x[:, None]
    large = 8 * x * (-1.0) ** (k - 1) * k**2 * np.exp(-2 * k**2 * x**2)
    small = np.sqrt(2 * np.pi) * np.exp(-odd / (2 * x**2)) * (odd / x**4 - 1 / x**2)
    return np.asarray(np.where(x > 1, large, small).sum(-1))


def _logistic(scale: float) -> tuple[Array, Array]:
    """Variances and weights of the normal mixture that is `scale` × a logistic variable: a trapezoid in ln S."""
    x = np.exp(np.linspace(np.log(0.17), np.log(4.7), 36))
    weights = x * _kolmogorov(x)
    return (2 * scale * x) ** 2, weights / weights.sum()


_ONE = np.ones(1)
_GATES = {
    "relu": _Gate(np.zeros(1), _ONE, linear=True),
    "gelu": _Gate(_ONE, _ONE, linear=True),
    "silu": _Gate(*_logistic(1.0), linear=True),
    "tanh": _Gate(*_logistic(0.5), linear=False),
    "identity": None,
}
ACTIVATIONS = tuple(_GATES)
"""The activations that have a theory."""


def _gate(activation: str) -> _Gate | None:
    if activation not in _GATES:
        raise InputError(f"activation={activation}: no theory for it{nearest(activation, ACTIVATIONS)}")
    return _GATES[activation]


@dataclass(frozen=True)
class _Pair:
    """Two inputs and their noises, in units of variance in which none of them is large; axes (…, K, K).

    q and p: variance and covariance of the inputs; A = a + q and B = b + q: variances of input minus noise, whose
    determinant is r² = A B − p². `unit` is (…).
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
        # Without noise the shape of φ knows no unit, and at q = 0 that of q = 1 will do.
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
        """arcsin of the correlation of the two differences of input and noise."""
        return np.asarray(np.arctan2(self.p, self.r))


def _over(numerator: Array, denominator: Array) -> Array:
    """The quotient, 0 where the denominator is: both vanish only for relu at c = ±1, the numerator to higher order."""
    out = np.zeros(np.broadcast_shapes(np.shape(numerator), np.shape(denominator)))
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def covariance(activation: str, q: ArrayLike, c: ArrayLike) -> Array:
    """E φ(u₁) φ(u₂).

    relu: q [√(1−c²) + c (π − arccos c)]/2π, Cho 2009 ("Kernel methods for deep learning"). With A = a + q, B = b + q,
    p = c q, r² = A B − p², gelu and silu: p/4 + p arcsin(p/√AB)/2π + [q² − p² + p² (a/A + b/B)]/2πr;
    tanh: (2/π) arcsin(p/√AB); each the mean over the noise variances a and b of the two.
    """
    gate = _gate(activation)
    if gate is None:
        return np.asarray(np.multiply(q, c, dtype=float))
    pair = _Pair.of(gate, q, c)
    if not gate.linear:
        return gate.mean_of_pairs(2 / np.pi * pair.angle)
    above = (pair.q - pair.p) * (pair.q + pair.p) + pair.p**2 * pair.noise_share
    terms = pair.p * (0.25 + pair.angle / (2 * np.pi)) + _over(above, 2 * np.pi * pair.r)
    return np.asarray(pair.unit * gate.mean_of_pairs(terms))


def slope_covariance(activation: str, q: ArrayLike, c: ArrayLike) -> Array:
    """E φ'(u₁) φ'(u₂), the derivative of `covariance` by the inputs' covariance c q (Price's theorem).

    relu: 1/2 − arccos(c)/2π. With the letters of `covariance`, gelu and silu:
    1/4 + arcsin(p/√AB)/2π + p [2 (a/A + b/B) + (p² (a/A + b/B) − q (a + b) − a b)/r²]/2πr; tanh: (2/π)/r.
    """
    gate = _gate(activation)
    if gate is None:
        return np.ones(np.broadcast_shapes(np.shape(q), np.shape(c)))
    pair = _Pair.of(gate, q, c)
    if not gate.linear:
        return np.asarray(gate.mean_of_pairs(2 / np.pi / pair.r) / pair.unit)
    share = pair.noise_share
    excess = pair.p**2 * share - pair.q * (pair.a + pair.b) - pair.a * pair.b
    bracket = 2 * share + _over(excess, pair.square)
    return gate.mean_of_pairs(0.25 + pair.angle / (2 * np.pi) + _over(pair.p * bracket, 2 * np.pi * pair.r))


def second_moment(activation: str, q: ArrayLike) -> Array:
    """V(q) = E φ(u)²: `covariance` at c = 1. relu: q/2; gelu: q/4 + (q/2π) arcsin(q/(1+q)) + q²/(π (1+q) √(1+2q))."""
    return covariance(activation, q, 1.0)


def slope_moment(activation: str, q: ArrayLike) -> Array:
    """D(q) = E φ'(u)²: `slope_covariance` at c = 1.

    relu: 1/2; gelu: 1/4 + arcsin(q/(1+q))/2π + q (3+5q)/(2π (1+q) (1+2q)^(3/2)).
    """
    return slope_covariance(activation, q, 1.0)


def mean(activation: str, q: ArrayLike) -> Array:
    """m(q) = E φ(u). relu, gelu, silu: q/√(2π (a + q)), the mean over a; tanh and identity: 0."""
    gate, q = _gate(activation), np.asarray(q, float)
    if gate is None or not gate.linear:
        return np.zeros_like(q)
    kept = _over(q[..., None], gate.variances_K + q[..., None])
    return np.asarray(np.sqrt(q / (2 * np.pi)) * gate.mean_of(np.sqrt(kept)))


def curvature(activation: str, q: ArrayLike) -> Array:
    """E φ''(u) φ(u) = V'(q) − D(q), the part of V' that the slopes leave.

    With the letters of `covariance` at c = 1 and v = a q/A, gelu and silu: v [2 − (q/A) (2 + b A/r²)]/2πr;
    tanh: −2q/(π A r); relu and identity: 0 (of relu's φ'' = δ, φ(0) is left).
    """
    gate = _gate(activation)
    if gate is None:
        return np.zeros(np.shape(q))
    pair = _Pair.of(gate, q, 1.0)
    kept = pair.q / (pair.a + pair.q)
    if not gate.linear:
        return np.asarray(gate.mean_of_pairs(-2 * kept / (np.pi * pair.r)) / pair.unit)
    bracket = 2 - kept * (2 + _over(pair.b * (pair.a + pair.q), pair.square))
    return gate.mean_of_pairs(_over(pair.a * kept * bracket, 2 * np.pi * pair.r))
