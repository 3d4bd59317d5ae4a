"""The depth at which half of the replicates train, by a penalized logistic fit to the shares trained at some depths.

Model: P(trained at depth L) = σ((ln D50 − ln L)/s). If all replicates of the shallow depths train and none of the deep
ones, as after a bisection, the likelihood is largest at s = 0. A normal penalty on ln s keeps s away from 0. The
interval of D50 is that of the likelihood averaged over s; a profile likelihood would be too narrow. The center of the
penalty was chosen so that the intervals of simulated searches reach their nominal coverage
(scripts/bench/simulations.py).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from resexp.stats.shares import Share, depth_bracket

PENALTY_MEAN, PENALTY_SD = np.log(0.3), 1.0
"""Mean and standard deviation of the normal penalty on ln s."""
COVERAGE = 0.95
DEPTH_POINTS, SCALE_POINTS = 801, 61
"""Size of the grid over ln D50 and ln s."""
MARGIN = 16.0
"""The grid over D50 extends beyond the depths tried by this factor."""

# Shapes: M grid points of ln D50, S grid points of ln s.

Grid = NDArray[np.float64]


class LogisticFit(NamedTuple):
    """D50 with the ends of its interval, and the width s of the transition in ln L."""

    d50: float
    low: float
    high: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class DepthEstimate:
    """The depth at which half of the replicates train.

    Attributes:
        d50: the trainable depth in blocks; None if it is censored.
        low, high: its 95 % interval; None if the depths tried do not bound it on that side.
        censored: `> L_max` or `< L_min` with the deepest or shallowest depth tried; None if D50 lies between them.
        scale: the width s of the transition in ln L; None if D50 is censored.

    """

    d50: float | None
    low: float | None
    high: float | None
    censored: str | None
    scale: float | None

    @property
    def order_key(self) -> float:
        """A number to order arms by: D50, or if it is censored ∞ above the depths tried and 0 below them."""
        return self.d50 or (math.inf if self.low else 0.0)


def estimate_depth(shares: Mapping[int, Share], widening: float = 1.0) -> DepthEstimate:
    """Estimate D50 with its 95 % interval.

    The interval is that of the fit, extended to the depths between which the share first falls below one half. If one
    of these depths is missing, D50 is censored.

    Args:
        shares: share of trained replicates at each depth.
        widening: factor on the width of the fit's interval in ln L.

    Raises:
        ValueError: there are no replicates.

    """
    d50, *ends, scale = fit_logistic(shares)
    fit_low, fit_high = (d50 * (end / d50) ** widening for end in ends)
    tried = [depth for depth, share in shares.items() if share.total]
    bracket = depth_bracket(shares, crossing="first")
    low, high = bracket.low, bracket.high
    if low is None:
        bound = max(fit_high, high or fit_high)
        return DepthEstimate(d50=None, low=None, high=bound, censored=f"< {min(tried)}", scale=None)
    if high is None:
        return DepthEstimate(d50=None, low=min(fit_low, low), high=None, censored=f"> {max(tried)}", scale=None)
    return DepthEstimate(d50=d50, low=min(fit_low, low), high=max(fit_high, high), censored=None, scale=scale)


def fit_logistic(shares: Mapping[int, Share]) -> LogisticFit:
    """Fit D50 and s to the shares of trained replicates.

    Returns:
        The median of D50 and its central interval under the penalized likelihood averaged over s, and the most likely
        s averaged over D50.

    Raises:
        ValueError: there are no replicates.

    """
    tried = {depth: share for depth, share in shares.items() if share.total}
    if not tried:
        raise ValueError("no replicates")
    log_d50_M = np.linspace(np.log(min(tried) / MARGIN), np.log(max(tried) * MARGIN), DEPTH_POINTS)
    log_s_S = np.linspace(PENALTY_MEAN - 3 * PENALTY_SD, PENALTY_MEAN + 3 * PENALTY_SD, SCALE_POINTS)
    penalized_MS = _log_likelihood(tried, log_d50_M, log_s_S) - 0.5 * ((log_s_S - PENALTY_MEAN) / PENALTY_SD) ** 2
    weight_M = np.exp(logsumexp(penalized_MS, axis=1) - logsumexp(penalized_MS))
    cumulative_M = np.cumsum(weight_M)
    tail = (1 - COVERAGE) / 2
    low, d50, high = (np.exp(np.interp(p, cumulative_M, log_d50_M)) for p in (tail, 0.5, 1 - tail))
    log_s = log_s_S[np.argmax(logsumexp(penalized_MS, axis=0))]
    return LogisticFit(float(d50), float(low), float(high), float(np.exp(log_s)))


def _log_likelihood(shares: Mapping[int, Share], log_d50_M: Grid, log_s_S: Grid) -> Grid:
    """Return the log-likelihood (M, S) at each ln D50 and ln s."""
    total_MS = np.zeros((len(log_d50_M), len(log_s_S)))
    for depth, share in shares.items():
        z_MS = (log_d50_M[:, None] - np.log(depth)) / np.exp(log_s_S)
        total_MS += share.count * log_expit(z_MS) + (share.total - share.count) * log_expit(-z_MS)
    return total_MS
