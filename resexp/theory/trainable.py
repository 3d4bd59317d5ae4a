"""Trainable depth of an arm, from gradients and differences between inputs at initialization."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resexp.theory.arms import Arm, BlockMap, unsupported_reason
from resexp.theory.prediction import Prediction, accumulates_mean, predict
from resexp.theory.stream import Stream

EPSILON, GRADIENT_RANGE, MAX_DEPTH = 0.25, 1e8, 1024
"""Defaults: ε and the range of squared gradients that predict training with AdamW best, and the largest depth."""

MIN_DISTANCE = 1e-5
"""Distance of the first cosine from its limit below which cosines say nothing about depth."""

LARGE_VARIANCE = 1e12
"""A variance at which every activation has reached its limit at infinity."""

DEPTH_DEPENDENT = ("scaled", "deepnorm")
"""Residual schemes whose blocks depend on the depth of the network."""


@dataclass(frozen=True)
class TrainableDepth:
    """The depths, in blocks, at which an arm reaches its two limits; inf if it does not.

    Attributes:
        gradient: the first depth at which the squared gradients of the stream span the range; nan if the theory does
            not predict them, see `predict`.
        correlation: the first depth at which the cosine of a pair of inputs has come within ε of its limit, relative
            to where it starts.

    """

    gradient: float
    correlation: float

    @property
    def depth(self) -> float:
        """The smaller of the two, without nan."""
        return float(np.fmin(self.gradient, self.correlation))


def trainable_depth(
    arm: Arm, epsilon: float = EPSILON, gradient_range: float = GRADIENT_RANGE, max_depth: int = MAX_DEPTH
) -> TrainableDepth | None:
    """Return the depths beyond which an arm is not trainable: ln(range)/|ln G| by gradients, L_c by cosines.

    G is the gain of squared gradients per block; if it differs between blocks, the span over the blocks counts. L_c is
    the first depth at which |c − c*| < ε |c_0 − c*|, relative to the cosine c_0 at the start because that differs
    between data sets; it is inf if c_0 = c*. Schoenholz 2017 (1611.01232) finds that trainability ends at about 6 ξ_c.

    Args:
        arm: the arm; its `depth` is ignored.
        epsilon: ε.
        gradient_range: the range of squared gradients.
        max_depth: depths above this are returned as inf.

    Returns:
        The depths, or None if `unsupported_reason` gives a reason.

    """
    if unsupported_reason(arm):
        return None
    limit, log_range = limit_cosine(arm), np.log(gradient_range)

    def gradient(prediction: Prediction) -> float:
        if np.isnan(prediction.backward[0]):
            return np.nan
        path = np.append(0.0, np.cumsum(np.log(prediction.backward)))
        return _first(np.maximum.accumulate(path) - np.minimum.accumulate(path) >= log_range)

    def correlation(prediction: Prediction) -> float:
        return _first(has_converged(prediction.cosines, limit, epsilon))

    deepest = _predict_at(arm, max_depth)
    depths = {criterion: criterion(deepest) for criterion in (gradient, correlation)}
    if arm.residual in DEPTH_DEPENDENT:
        depths = {c: _bisect(arm, c, max_depth) if depth < np.inf else depth for c, depth in depths.items()}
    return TrainableDepth(depths[gradient], depths[correlation])


def has_converged(cosines: NDArray[np.float64], limit: float, epsilon: float = EPSILON) -> NDArray[np.bool_]:
    """Return for each cosine whether its distance to `limit` is below ε times that of the first cosine.

    False for all if the first is at the limit.
    """
    distance = np.abs(cosines - limit)
    return np.asarray((distance < epsilon * distance[0]) & (distance[0] > MIN_DISTANCE))


def _first(condition: NDArray[np.bool_]) -> float:
    return float(np.argmax(condition)) if condition.any() else np.inf


def _predict_at(arm: Arm, depth: int) -> Prediction:
    prediction = predict(replace(arm, depth=depth))
    assert prediction is not None  # callers have checked that the theory covers the arm
    return prediction


def _bisect(arm: Arm, criterion: Callable[[Prediction], float], max_depth: int) -> float:
    """Return the smallest depth of a network that meets the criterion itself, given that one of `max_depth` does."""
    below, meets = 0, max_depth
    while meets - below > 1:
        middle = (below + meets) // 2
        below, meets = (below, middle) if criterion(_predict_at(arm, middle)) <= middle else (middle, meets)
    return float(meets)


def limit_cosine(arm: Arm) -> float:
    """Return c*, the limit of the cosine of any pair of inputs; nan if there is none, as for linear networks.

    c* is the limit of the branch alone, since (s² c + α² v k(c))/(s² + α² v) = c if k(c) = c; if the stream grows
    without bound, of the branch at LARGE_VARIANCE. If a mean accumulates along the stream, it dominates, and c* = 1.
    For lns c* is nan: the input of the branch shrinks, the branch becomes linear, and cosines do not change. The theory
    must cover the arm.
    """
    if arm.residual == "lns":
        return np.nan
    block, x = BlockMap.of(arm), Stream.initial(arm, 0.0, 0.9)
    if accumulates_mean(block):
        return 1.0
    grows = block.skip > 0 and not (arm.placement.pre or arm.placement.post)
    branch = replace(block, skip=0.0, branch=1.0, linear_skip=False)
    for _ in range(1000):
        if grows:
            x = x.times((LARGE_VARIANCE / x.q) ** 0.5)
        if np.ptp(x.cosines) < 1e-6 or not x.within_range:
            break
        x = branch(x, 1)
    return float(x.cosines.mean()) if np.ptp(x.cosines) < 0.01 else np.nan
