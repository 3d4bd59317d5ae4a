"""What one layer h ↦ W φ(h) + b does to the variance and the correlation of wide networks, and how deep signals go.

W ~ N(0, σ_w²/n), b ~ N(0, σ_b²); q is the variance of the pre-activations, c the correlation of two inputs'. Poole 2016
(1606.05340), Schoenholz 2017 (1611.01232). Depths are in layers; everything else is a pure number. Raises InputError
for an activation without theory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resexp.theory.gaussian import Array, covariance, curvature, second_moment, slope_covariance, slope_moment

VANISHED, EXPLODED = 1e-12, 1e30
"""The variances from which on the iteration is said to tend to 0, or to infinity."""
FLAT = 1e-12
"""A map that changes its argument by less than this share of it leaves it as it is."""


def variance_map(activation: str, q: ArrayLike, weight: float, bias: float = 0.0) -> Array:
    """q' = σ_w² V(q) + σ_b²; `weight` is σ_w², `bias` σ_b². Poole 2016, equation 3."""
    return weight * second_moment(activation, q) + bias


def correlation_map(activation: str, q: ArrayLike, c: ArrayLike, weight: float, bias: float = 0.0) -> Array:
    """c' = (σ_w² E φ(u₁) φ(u₂) + σ_b²)/q'. Poole 2016, equation 5; both inputs of variance q.

    relu with σ_b = 0: [√(1−c²) + c (π − arccos c)]/π.
    """
    return np.asarray((weight * covariance(activation, q, c) + bias) / variance_map(activation, q, weight, bias))


def chi(activation: str, q: ArrayLike, weight: float, c: ArrayLike = 1.0) -> Array:
    """σ_w² E φ'(u₁) φ'(u₂): at c = 1 the χ₁ of squared gradients per layer, E‖δ_l‖² = χ₁ E‖δ_{l+1}‖².

    Schoenholz 2017, sections 3 and 4.
    """
    return weight * slope_covariance(activation, q, c)


def _crossing(f: Callable[[float], float], positive: float, negative: float) -> float:
    """Where f changes its sign between two points, by bisection to rounding."""
    while True:
        middle = (positive + negative) / 2
        if middle in (positive, negative):
            return middle
        positive, negative = (middle, negative) if f(middle) > 0 else (positive, middle)


def variance_fixed_point(activation: str, weight: float, bias: float = 0.0, start: float = 1.0) -> float:
    """q*, to which the variance map tends from `start`: 0 below VANISHED, infinite above EXPLODED."""

    def growth(log: float) -> float:
        q = np.exp(log)
        return float(variance_map(activation, q, weight, bias) / q - 1)

    near = far = float(np.log(start))
    direction = np.sign(growth(near))
    if abs(growth(near)) < FLAT:
        return start
    while growth(far) * direction > 0:
        near, far = far, far + 0.2 * direction
        if not np.log(VANISHED) < far < np.log(EXPLODED):
            return float(np.inf if direction > 0 else 0.0)
    return float(np.exp(_crossing(lambda log: growth(log) * direction, near, far)))


def correlation_fixed_point(activation: str, q: float, weight: float, bias: float = 0.0) -> float:
    """c*, the stable fixed point in [0, 1] of the correlation map, q being the variance map's.

    1 where χ₁ ≤ 1, the ordered phase; less in the chaotic one. Poole 2016, section 2.2.
    """
    if chi(activation, q, weight) <= 1 + FLAT:
        return 1.0

    def gain(c: float) -> float:
        return float(correlation_map(activation, q, c, weight, bias)) - c

    return 0.0 if gain(0.0) <= FLAT else _crossing(gain, 0.0, 1.0)


@dataclass(frozen=True)
class Depths:
    """How many layers signals last: distances shrink by e in each. Infinite where they do not, nan where undefined.

    Attributes:
        variance: ξ_q = −1/ln(χ₁ + σ_w² E φ'' φ), of q to q*. Schoenholz 2017, section 3.
        correlation: ξ_c = −1/ln(σ_w² E φ'(u₁) φ'(u₂)) at c*, of c to c*; likewise.
        gradient: ξ_∇ = 1/|ln χ₁|, of squared gradients, vanishing or exploding; section 4.

    """

    variance: float
    correlation: float
    gradient: float


def depth_scales(activation: str, weight: float, bias: float = 0.0, start: float = 1.0) -> Depths:
    """The depth scales at the fixed points that are reached from the variance `start`; nan where q* is infinite."""
    q = variance_fixed_point(activation, weight, bias, start)
    if not np.isfinite(q):
        return Depths(np.nan, np.nan, np.nan)
    c = correlation_fixed_point(activation, q, weight, bias) if q else 1.0
    chi1 = float(chi(activation, q, weight))
    shrinks = (chi1 + weight * float(curvature(activation, q)), float(chi(activation, q, weight, c)), chi1)
    variance, correlation, gradient = (np.inf if abs(s - 1) < FLAT else 1 / abs(np.log(s)) for s in shrinks)
    return Depths(variance, correlation, gradient)


def critical_line(activation: str, q: ArrayLike) -> tuple[Array, Array]:
    """(σ_w², σ_b²) at which χ₁ = 1 and q is the fixed point: σ_w² = 1/D(q), σ_b² = q − σ_w² V(q).

    Where σ_b² comes out negative there is no such point. Schoenholz 2017, section 3.
    """
    weight = 1 / slope_moment(activation, q)
    return weight, np.subtract(q, weight * second_moment(activation, q), dtype=float)
