"""Variance map, correlation map and depth scales of one layer h ↦ W φ(h) + b at infinite width.

Poole 2016 (1606.05340), Schoenholz 2017 (1611.01232). W ~ N(0, σ_w²/n), b ~ N(0, σ_b²); q is the variance of the
pre-activations, c the correlation of those of two inputs. Everywhere `weight` is σ_w² and `bias` σ_b², depths are in
layers, and unknown activations raise InputError.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from resexp.theory.gaussian import Array, covariance, curvature, second_moment, slope_covariance, slope_moment

VANISHED, EXPLODED = 1e-12, 1e30
"""Variances below and above which the iteration counts as tending to 0 and to infinity."""
TOLERANCE = 1e-12
"""Relative change below which a map counts as the identity."""


def variance_map(activation: str, q: ArrayLike, weight: float, bias: float = 0.0) -> Array:
    """Return q' = σ_w² V(q) + σ_b², the variance one layer on. Poole 2016, equation 3."""
    return weight * second_moment(activation, q) + bias


def correlation_map(activation: str, q: ArrayLike, c: ArrayLike, weight: float, bias: float = 0.0) -> Array:
    """Return c' = (σ_w² E φ(u₁) φ(u₂) + σ_b²)/q', for two inputs of variance q. Poole 2016, equation 5.

    relu with σ_b = 0: [√(1−c²) + c (π − arccos c)]/π.
    """
    return np.asarray((weight * covariance(activation, q, c) + bias) / variance_map(activation, q, weight, bias))


def chi(activation: str, q: ArrayLike, weight: float, c: ArrayLike = 1.0) -> Array:
    """Return χ = σ_w² E φ'(u₁) φ'(u₂); at c = 1 it is χ₁, the gain of squared gradients, E‖δ_l‖² = χ₁ E‖δ_{l+1}‖².

    Schoenholz 2017, sections 3 and 4.
    """
    return weight * slope_covariance(activation, q, c)


def _bisect(f: Callable[[float], float], positive: float, negative: float) -> float:
    """Return a root of f between points of positive and negative f, exact to rounding."""
    while True:
        middle = (positive + negative) / 2
        if middle in (positive, negative):
            return middle
        positive, negative = (middle, negative) if f(middle) > 0 else (positive, middle)


def variance_fixed_point(activation: str, weight: float, bias: float = 0.0, start: float = 1.0) -> float:
    """Return q*, the limit of the variance map from `start`: 0 if below VANISHED, inf if above EXPLODED."""

    def growth(log: float) -> float:
        q = np.exp(log)
        return float(variance_map(activation, q, weight, bias) / q - 1)

    near = far = float(np.log(start))
    direction = np.sign(growth(near))
    if abs(growth(near)) < TOLERANCE:
        return start
    while growth(far) * direction > 0:
        near, far = far, far + 0.2 * direction
        if not np.log(VANISHED) < far < np.log(EXPLODED):
            return float(np.inf if direction > 0 else 0.0)
    return float(np.exp(_bisect(lambda log: growth(log) * direction, near, far)))


def correlation_fixed_point(activation: str, q: float, weight: float, bias: float = 0.0) -> float:
    """Return c*, the stable fixed point in [0, 1] of the correlation map at the fixed point q of the variance map.

    It is 1 in the ordered phase, χ₁ ≤ 1, and less in the chaotic phase. Poole 2016, section 2.2.
    """
    if chi(activation, q, weight) <= 1 + TOLERANCE:
        return 1.0

    def gain(c: float) -> float:
        return float(correlation_map(activation, q, c, weight, bias)) - c

    return 0.0 if gain(0.0) <= TOLERANCE else _bisect(gain, 0.0, 1.0)


@dataclass(frozen=True)
class DepthScales:
    """Numbers of layers in which a deviation changes by a factor e; inf if it does not, nan if undefined.

    Attributes:
        variance: ξ_q = −1/ln(χ₁ + σ_w² E φ'' φ), of q from q*. Schoenholz 2017, section 3.
        correlation: ξ_c = −1/ln(σ_w² E φ'(u₁) φ'(u₂)) at c*, of c from c*. Section 3.
        gradient: ξ_∇ = 1/|ln χ₁|, of squared gradients, which vanish or explode. Section 4.

    """

    variance: float
    correlation: float
    gradient: float


def depth_scales(activation: str, weight: float, bias: float = 0.0, start: float = 1.0) -> DepthScales:
    """Return the depth scales at the fixed points reached from the variance `start`; nan if q* is infinite."""
    q = variance_fixed_point(activation, weight, bias, start)
    if not np.isfinite(q):
        return DepthScales(np.nan, np.nan, np.nan)
    c = correlation_fixed_point(activation, q, weight, bias) if q else 1.0
    chi1 = float(chi(activation, q, weight))
    factors = (chi1 + weight * float(curvature(activation, q)), float(chi(activation, q, weight, c)), chi1)
    variance, correlation, gradient = (np.inf if abs(s - 1) < TOLERANCE else 1 / abs(np.log(s)) for s in factors)
    return DepthScales(variance, correlation, gradient)


def critical_line(activation: str, q: ArrayLike) -> tuple[Array, Array]:
    """Return (σ_w², σ_b²) with χ₁ = 1 at the fixed point q: σ_w² = 1/D(q), σ_b² = q − σ_w² V(q).

    If σ_b² is negative there is no such point. Schoenholz 2017, section 3.
    """
    weight = 1 / slope_moment(activation, q)
    return weight, np.subtract(q, weight * second_moment(activation, q), dtype=float)
