"""The depth at which half of the replicates train, from successes at some depths: a penalized logistic fit.

P(trained at depth L) = σ((ln D50 − ln L)/s). Where success and failure are separated, as a search by bisection leaves
them, the likelihood is highest at s = 0; a penalty on ln s, the density of a normal distribution, keeps it away from
there. The interval of D50 averages the penalized likelihood over s, as its profile does not; the center of the penalty
was set where simulated searches (scripts/bench/simulations.py) are covered about as often as they should be.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from resexp.formats import depth_text, interval_text, listed

MIDDLE, SPREAD = np.log(0.3), 1.0
"""Mean and standard deviation of the penalty on ln s."""
COVERAGE = 0.95
POINTS, SLOPES = 801, 61
REACH = 16.0
"""How far beyond the depths tried D50 is looked for, as a factor."""

Counts = Mapping[int, tuple[int, int]]
"""Successes and replicates by depth."""

Grid = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where half of the replicates train.

    Attributes:
        d50: the trainable depth; None where it is censored.
        low, high: its 95 % interval; None where the depths tried do not bound it.
        censored: `> L_max` or `< L_min` in figures, else None.
        scale: s of the fit, the width of the transition in ln L; None where it is censored.

    """

    d50: float | None
    low: float | None
    high: float | None
    censored: str | None
    scale: float | None

    def __str__(self) -> str:
        """`31 (95 % interval 24 to 40)`."""
        return f"{self.middle} (95 % interval {self.span})"

    @property
    def middle(self) -> str:
        """`31`, or where it is censored."""
        return depth_text(self.d50) if self.d50 else str(self.censored)

    @property
    def span(self) -> str:
        """`24 to 40`, `24 or more`."""
        return interval_text(self.low, self.high)

    @property
    def reach(self) -> float:
        """By what arms are ordered: D50; beyond all others, or 0, where it is censored."""
        return self.d50 or (math.inf if self.low else 0.0)


def locate(counts: Counts, wider: float = 1.0) -> Located:
    """Where half of the replicates train: the fit, between the depths at which the share first falls below a half.

    The interval is `wider` times as wide in ln L as the fit's, and no finer than these depths; where one of them is
    missing D50 is censored. Raises ValueError as fit.
    """
    middle, *ends, scale = fit(counts)
    least, most = (middle * (end / middle) ** wider for end in ends)
    trains = {depth: 2 * successes >= total for depth, (successes, total) in counts.items() if total}
    high = min((depth for depth, most_do in trains.items() if not most_do), default=None)
    low = max((depth for depth, most_do in trains.items() if most_do and depth < (high or math.inf)), default=None)
    if low is None:
        return Located(d50=None, low=None, high=max(most, high or most), censored=f"< {min(trains)}", scale=None)
    if high is None:
        return Located(d50=None, low=min(least, low), high=None, censored=f"> {max(trains)}", scale=None)
    return Located(d50=middle, low=min(least, low), high=max(most, high), censored=None, scale=scale)


def fit(counts: Counts, coverage: float = COVERAGE) -> tuple[float, float, float, float]:
    """D50, the interval's ends, and s. Raises ValueError where there are no replicates."""
    tried = {depth: pair for depth, pair in counts.items() if pair[1]}
    if not tried:
        raise ValueError("no replicates")
    middle_M = np.linspace(np.log(min(tried) / REACH), np.log(max(tried) * REACH), POINTS)
    log_s_S = np.linspace(MIDDLE - 3 * SPREAD, MIDDLE + 3 * SPREAD, SLOPES)
    table_MS = _log_likelihood(tried, middle_M, log_s_S) - 0.5 * ((log_s_S - MIDDLE) / SPREAD) ** 2
    weight_M = np.exp(logsumexp(table_MS, axis=1) - logsumexp(table_MS))
    below_M = np.cumsum(weight_M)
    tail = (1 - coverage) / 2
    low, middle, high = (np.exp(np.interp(share, below_M, middle_M)) for share in (tail, 0.5, 1 - tail))
    log_s = log_s_S[np.argmax(logsumexp(table_MS, axis=0))]
    return float(middle), float(low), float(high), float(np.exp(log_s))


def deepest(found: Mapping[str, Located]) -> str:
    """Which of some arms trains deepest, by D50, and whether the intervals overlap, in a sentence or two."""
    order = sorted(found, key=lambda name: -found[name].reach)
    first = found[order[0]]
    tops = [name for name in order if found[name].reach == first.reach]
    rest = order[len(tops) :]
    if not first.reach:
        return f"D50 is {first.censored} of {listed(tops)}: half of the seeds train at no depth tried."
    if len(order) == 1:
        return f"The trainable depth D50 of {order[0]} is {first}."
    if len(tops) > 1:
        head = f"{listed(tops)} train deepest, beyond what was tried ({first.censored})"
        head += "." if rest else ": a larger depth would tell them apart."
    else:
        head = f"{tops[0]} trains deepest: D50 is {first}."
    if not rest:
        return head
    low = min(found[name].low or 0.0 for name in tops)
    near = [name for name in rest if (found[name].high or math.inf) > low]
    if near:
        said = listed([f"{name}, {found[name]}" for name in near])
        return f"{head} The interval overlaps with that of {said}: the order is not settled."
    return f"{head} Next is {rest[0]} with {found[rest[0]]}; the intervals do not overlap."


def _log_likelihood(counts: Counts, middle_M: Grid, log_s_S: Grid) -> Grid:
    """Of each midpoint ln D50 and each ln s."""
    total = np.zeros((len(middle_M), len(log_s_S)))
    for depth, (successes, replicates) in counts.items():
        z_MS = (middle_M[:, None] - np.log(depth)) / np.exp(log_s_S)
        total += successes * log_expit(z_MS) + (replicates - successes) * log_expit(-z_MS)
    return total
