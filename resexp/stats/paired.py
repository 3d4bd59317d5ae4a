"""Comparison of two arms paired by seed: sign-flip test, confidence intervals, equivalence.

The data are differences d_i between two arms that share seed i. If the arm makes no difference, d_i and −d_i are
equally likely. The p-value of the sign-flip test is the share of the 2ⁿ sign patterns whose mean is at least as extreme
as the observed one (Fisher 1935). The test is exact; its p-value is at least 2/2ⁿ two-sided and 1/2ⁿ one-sided.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Alternative = Literal["two-sided", "less", "greater"]
"""The alternative hypothesis: the mean difference is not 0, below 0, or above 0."""

LEVEL = 0.05
"""The significance level."""
MAX_EXACT = 16
"""The most differences for which all sign patterns are enumerated."""
RANDOM_PATTERNS = 1 << MAX_EXACT
"""Sign patterns drawn for more differences than that."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval with its coverage; its ends are infinite if there are too few data."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class PairedResult:
    """Estimates and test of the mean of n paired differences.

    Attributes:
        n: number of differences.
        mean: their mean; nan if n = 0.
        effect: Hedges' g, the mean in standard deviations of the differences, corrected for small n; infinite if all
            differences are equal and not 0, nan if n < 2.
        interval: Student's 95 % interval of the mean.
        extremes: the least and the largest difference, an exact interval of the median with coverage 1 − 2/2ⁿ.
        p: p-value of the sign-flip test.
        p_least: the smallest p-value possible at this n.

    """

    n: int
    mean: float
    effect: float
    interval: Interval
    extremes: Interval
    p: float
    p_least: float


def compare_pairs(differences: Sequence[float] | Values, alternative: Alternative = "two-sided") -> PairedResult:
    """Estimate and test the mean of paired differences.

    Args:
        differences: one per seed, (n,); may be empty.
        alternative: the alternative hypothesis of the test.

    Raises:
        ValueError: a difference is not finite. Diverged replicates have a finite value on the scale y (`log_loss`).

    """
    d = _as_differences(differences)
    n = len(d)
    low, high = (float(d.min()), float(d.max())) if n else (-math.inf, math.inf)
    extremes = Interval(low, high, 1 - 2.0 ** (1 - n) if n else 1.0)
    mean = float(d.mean()) if n else math.nan
    p, least = sign_flip_test(d, alternative), smallest_p(n, alternative)
    return PairedResult(n, mean, _hedges_g(d), t_interval(d), extremes, p, least)


def sign_flip_test(differences: Sequence[float] | Values, alternative: Alternative = "two-sided") -> float:
    """Return the p-value of the paired sign-flip test (H0: the differences are symmetric about 0).

    Exact for n ≤ 16; otherwise from 2¹⁶ sign patterns, the observed one and random ones from a fixed seed.

    Args:
        differences: one per seed, (n,).
        alternative: "less" and "greater" test for a mean difference below and above 0.

    Returns:
        The p-value; 1 if there are no differences.

    Raises:
        ValueError: a difference is not finite.

    """
    d = _as_differences(differences)
    if alternative == "less":
        return sign_flip_test(-d, "greater")
    if len(d) <= MAX_EXACT:
        sums = np.zeros(1)
        for size in np.abs(d):
            sums = np.concatenate([sums + size, sums - size])
    else:  # with the observed pattern among them the test keeps its level
        signs = np.random.default_rng(0).integers(0, 2, (RANDOM_PATTERNS - 1, len(d)), dtype=np.int8) * 2 - 1
        sums = np.append(signs @ np.abs(d), d.sum())
    observed, tolerance = d.sum(), 1e-9 * np.abs(d).sum()
    extreme = np.abs(sums) >= abs(observed) - tolerance if alternative == "two-sided" else sums >= observed - tolerance
    return float(extreme.mean())


def smallest_p(n: int, alternative: Alternative = "two-sided") -> float:
    """Return the smallest p-value that the sign-flip test can reach with n differences."""
    if n == 0:
        return 1.0
    sides = 2 if alternative == "two-sided" else 1
    return sides / 2**n if n <= MAX_EXACT else 1 / RANDOM_PATTERNS


def seeds_needed(comparisons: int = 1, alternative: Alternative = "two-sided", level: float = LEVEL) -> int:
    """Return the least n at which one of m `comparisons` can reach an adjusted p ≤ `level`.

    That is ⌈log₂(2m/level)⌉ two-sided, ⌈log₂(m/level)⌉ one-sided.
    """
    sides = 2 if alternative == "two-sided" else 1
    return max(1, math.ceil(math.log2(sides * max(1, comparisons) / level) - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method (1979), which controls the family-wise error rate."""
    m, adjusted, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (m - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def t_interval(differences: Sequence[float] | Values, coverage: float = 0.95) -> Interval:
    """Return Student's confidence interval of the mean; its ends are infinite if n < 2.

    Raises:
        ValueError: a difference is not finite.

    """
    d = _as_differences(differences)
    n = len(d)
    if n < 2:
        return Interval(-math.inf, math.inf, coverage)
    half_width = float(stdtrit(n - 1, (1 + coverage) / 2)) * float(d.std(ddof=1)) / math.sqrt(n)
    return Interval(float(d.mean()) - half_width, float(d.mean()) + half_width, coverage)


@dataclass(frozen=True)
class Equivalence:
    """The result of an equivalence test.

    Attributes:
        word: `equivalent` if the interval lies within ± margin, `different` if it lies beyond one of the margins, else
            `inconclusive`.
        interval: the 90 % interval of the mean difference in nats.
        margin: in nats.

    """

    word: Literal["equivalent", "different", "inconclusive"]
    interval: Interval
    margin: float


def tost(differences: Sequence[float] | Values, margin: float) -> Equivalence:
    """Test the equivalence of two arms by two one-sided t tests at 5 % (Schuirmann 1987).

    Args:
        differences: in nats, one per seed, (n,).
        margin: the largest mean difference in nats that counts as none.

    Raises:
        ValueError: a difference is not finite.

    """
    interval = t_interval(differences, 0.90)
    if -margin < interval.low and interval.high < margin:
        return Equivalence("equivalent", interval, margin)
    outside = interval.low > margin or interval.high < -margin
    return Equivalence("different" if outside else "inconclusive", interval, margin)


def equivalence_margin(loss_constant: float, loss_reference: float | None) -> float:
    """Return the margin of equivalence of a task, max(0.02 (ℓ0 − ℓ_ref), 0.02) nats; ℓ_ref counts as 0 if None."""
    return max(0.02 * (loss_constant - (loss_reference or 0.0)), 0.02)


def paired_differences(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[tuple[int, ...], Values]:
    """Return the seeds that both have, ascending, and the differences a − b (n,)."""
    seeds = tuple(sorted(a.keys() & b.keys()))
    return seeds, np.array([a[seed] - b[seed] for seed in seeds], dtype=np.float64)


def _hedges_g(d: Values) -> float:
    n = len(d)
    if n < 2:
        return math.nan
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    if sd <= 1e-12 * abs(mean):
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / sd * (1 - 3 / (4 * n - 5))


def _as_differences(differences: Sequence[float] | Values) -> Values:
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError("differences must be finite numbers in one dimension")
    return d
