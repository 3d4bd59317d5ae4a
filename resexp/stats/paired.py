"""Paired comparisons: differences d_i between two arms that share a seed, their test, their interval, equivalence.

The test flips signs: under the hypothesis that an arm makes no difference, d_i and −d_i are equally likely, so that p
is the share of the 2ⁿ sign patterns whose mean is as extreme as the one seen (Fisher 1935). It is exact, and it cannot
be below 2/2ⁿ two-sided or 1/2ⁿ one-sided.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Alternative = Literal["two-sided", "less", "greater"]
"""What would count: any difference, or a mean difference below, or above, 0."""

LEVEL = 0.05
EXACT = 16
"""The most differences of which every sign pattern is looked at; with more, PATTERNS random ones."""
PATTERNS = 1 << EXACT

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval; infinite where the data say nothing."""

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class Paired:
    """What n paired differences say of their mean.

    Attributes:
        n: how many.
        mean: their mean; nan where there are none.
        effect: the mean in standard deviations of the differences, with Hedges' correction for small n; infinite where
            they are all the same, nan where n < 2.
        interval: Student's 95 % interval of the mean.
        extremes: the least and the largest difference, an exact interval of the median with coverage 1 − 2/2ⁿ.
        p: of the sign-flip test.
        p_least: the smallest that p could have been at this n.

    """

    n: int
    mean: float
    effect: float
    interval: Interval
    extremes: Interval
    p: float
    p_least: float


def compare(differences: Sequence[float] | Values, alternative: Alternative = "two-sided") -> Paired:
    """All of it. Raises ValueError where a difference is not finite: what diverged has a place on the scale y."""
    d = _checked(differences)
    n = len(d)
    low, high = (float(d.min()), float(d.max())) if n else (-math.inf, math.inf)
    extremes = Interval(low, high, 1 - 2.0 ** (1 - n) if n else 1.0)
    mean = float(d.mean()) if n else math.nan
    p, least = sign_flip(d, alternative), smallest_p(n, alternative)
    return Paired(n, mean, _hedges(d), t_interval(d), extremes, p, least)


def sign_flip(differences: Sequence[float] | Values, alternative: Alternative = "two-sided") -> float:
    """P of the sign-flip test of a mean of 0; 1 where there are no differences. Raises ValueError as compare."""
    d = _checked(differences)
    if alternative == "less":
        return sign_flip(-d, "greater")
    if len(d) <= EXACT:
        sums = np.zeros(1)
        for size in np.abs(d):
            sums = np.concatenate([sums + size, sums - size])
    else:  # the pattern that was seen is one of those looked at, so that the test keeps its level
        signs = np.random.default_rng(0).integers(0, 2, (PATTERNS - 1, len(d)), dtype=np.int8) * 2 - 1
        sums = np.append(signs @ np.abs(d), d.sum())
    seen, ties = d.sum(), 1e-9 * np.abs(d).sum()
    extreme = np.abs(sums) >= abs(seen) - ties if alternative == "two-sided" else sums >= seen - ties
    return float(extreme.mean())


def smallest_p(n: int, alternative: Alternative = "two-sided") -> float:
    """The smallest p that n paired differences can reach."""
    if n == 0:
        return 1.0
    sides = 2 if alternative == "two-sided" else 1
    return sides / 2**n if n <= EXACT else 1 / PATTERNS


def seeds_needed(comparisons: int = 1, alternative: Alternative = "two-sided", level: float = LEVEL) -> int:
    """The least n at which one of a family of `comparisons` can reach an adjusted p ≤ `level`: ⌈log₂(2m/level)⌉."""
    sides = 2 if alternative == "two-sided" else 1
    return max(1, math.ceil(math.log2(sides * max(1, comparisons) / level) - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p of a family, adjusted so that any false positive among them has probability ≤ the level (Holm 1979)."""
    m, adjusted, highest = len(p_values), [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        highest = max(highest, min(1.0, (m - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def t_interval(differences: Sequence[float] | Values, coverage: float = 0.95) -> Interval:
    """Student's interval of the mean; infinite where n < 2. Raises ValueError as compare."""
    d = _checked(differences)
    n = len(d)
    if n < 2:
        return Interval(-math.inf, math.inf, coverage)
    half = float(stdtrit(n - 1, (1 + coverage) / 2)) * float(d.std(ddof=1)) / math.sqrt(n)
    return Interval(float(d.mean()) - half, float(d.mean()) + half, coverage)


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests (Schuirmann 1987), by the 90 % interval of the mean difference in nats.

    `equivalent` where it lies within ± margin, `different` where it lies outside, else `inconclusive`.
    """

    word: Literal["equivalent", "different", "inconclusive"]
    interval: Interval
    margin: float


def tost(differences: Sequence[float] | Values, margin: float) -> Equivalence:
    """Whether a mean difference in nats is as good as none. Raises ValueError as compare."""
    interval = t_interval(differences, 0.90)
    if -margin < interval.low and interval.high < margin:
        return Equivalence("equivalent", interval, margin)
    outside = interval.low > margin or interval.high < -margin
    return Equivalence("different" if outside else "inconclusive", interval, margin)


def margin_of(loss_constant: float, loss_reference: float | None) -> float:
    """The margin of equivalence of a task, max(0.02 (ℓ0 − ℓ_ref), 0.02) nat."""
    return max(0.02 * (loss_constant - (loss_reference or 0.0)), 0.02)


def by_seed(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[tuple[int, ...], Values]:
    """The seeds that both have, ascending, and the differences a − b (n,)."""
    seeds = tuple(sorted(a.keys() & b.keys()))
    return seeds, np.array([a[seed] - b[seed] for seed in seeds], dtype=np.float64)


def _hedges(d: Values) -> float:
    n = len(d)
    if n < 2:
        return math.nan
    mean, spread = float(d.mean()), float(d.std(ddof=1))
    if spread <= 1e-12 * abs(mean):
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / spread * (1 - 3 / (4 * n - 5))


def _checked(differences: Sequence[float] | Values) -> Values:
    d = np.asarray(differences, dtype=np.float64)
    if d.ndim != 1 or not np.isfinite(d).all():
        raise ValueError("differences must be finite numbers in one dimension")
    return d
