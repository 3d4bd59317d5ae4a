"""How deep an arm can be trained, by what its initialization does to gradients and to differences between inputs."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from resexp.theory.arms import Arm, Block, without_theory
from resexp.theory.prediction import Prediction, adds_means, predict
from resexp.theory.stream import Stream

EPSILON, RANGE, MOST = 0.25, 1e8, 1024
"""Defaults: ε and the range of squared gradients, by which AdamW's trainings are predicted best, and the
deepest network considered."""

NEAR = 1e-5
"""A pair whose cosine is so near to where it tends tells nothing."""

GROWN = 1e12
"""A variance at which every activation is as good as its limit at infinity."""

BY_DEPTH = ("scaled", "deepnorm")
"""The residual schemes whose blocks depend on how many there are."""


@dataclass(frozen=True)
class TrainableDepth:
    """The depths, in blocks, at which an arm meets its limits; infinite where it does not.

    Attributes:
        gradient: the first at which squared gradients of the stream span the range over the blocks; nan where they
            have no theory, see `predict`.
        correlation: the first at which ε is left of the way from the cosine of the pair to where it tends.

    """

    gradient: float
    correlation: float

    @property
    def depth(self) -> float:
        """The lesser of those that are known."""
        return float(np.fmin(self.gradient, self.correlation))


def trainable_depth(
    arm: Arm, epsilon: float = EPSILON, gradient_range: float = RANGE, most: int = MOST
) -> TrainableDepth | None:
    """min(L_c, ln(range)/|ln G|), whatever depth the arm itself has; None where `without_theory` has a reason.

    G is the gain of squared gradients per block; where it differs from block to block, their span over the blocks
    decides. L_c is the first depth at which |c − c*| < ε |c_0 − c*|: relative to the cosine at the start, in which data
    sets differ; where that is c* itself it tells nothing, and L_c is infinite. Schoenholz 2017 (1611.01232) has
    trainability end at about 6 ξ_c. Limits beyond `most` blocks are given as infinite.
    """
    if without_theory(arm):
        return None
    goal, span = limit_cosine(arm), np.log(gradient_range)

    def gradient(prediction: Prediction) -> float:
        if np.isnan(prediction.backward[0]):
            return np.nan
        path = np.append(0.0, np.cumsum(np.log(prediction.backward)))
        return _first(np.maximum.accumulate(path) - np.minimum.accumulate(path) >= span)

    def correlation(prediction: Prediction) -> float:
        return _first(arrived(prediction.cosines, goal, epsilon))

    deepest = _at(arm, most)
    limits = {limit: limit(deepest) for limit in (gradient, correlation)}
    if arm.residual in BY_DEPTH:
        limits = {limit: _bisect(arm, limit, most) if depth < np.inf else depth for limit, depth in limits.items()}
    return TrainableDepth(limits[gradient], limits[correlation])


def arrived(cosines: NDArray[np.float64], goal: float, epsilon: float = EPSILON) -> NDArray[np.bool_]:
    """Where ε is left of the way from the first of some cosines to a goal; nowhere if that is where they start."""
    left = np.abs(cosines - goal)
    return np.asarray((left < epsilon * left[0]) & (left[0] > NEAR))


def _first(where: NDArray[np.bool_]) -> float:
    return float(np.argmax(where)) if where.any() else np.inf


def _at(arm: Arm, depth: int) -> Prediction:
    prediction = predict(replace(arm, depth=depth))
    assert prediction is not None  # the caller has asked whether there is a theory
    return prediction


def _bisect(arm: Arm, limit: Callable[[Prediction], float], most: int) -> float:
    """The least depth at which a network of that depth meets the limit, as one of `most` blocks does."""
    short, long = 0, most
    while long - short > 1:
        middle = (short + long) // 2
        short, long = (short, middle) if limit(_at(arm, middle)) <= middle else (middle, long)
    return float(long)


def limit_cosine(arm: Arm) -> float:
    """c*, to which the cosine of any pair tends; nan where there is none, as of linear networks.

    Where the stream neither grows nor is normalized away, c* is what the branch alone tends to, since
    (s² c + α² v k(c))/(s² + α² v) = c where k(c) = c; a branch that sees a stream which grows without bound is taken
    at variance GROWN. Means that add up along the stream drown all else: 1. The branch of lns becomes linear, and
    leaves cosines where they are: nan. The arm must have a theory.
    """
    if arm.residual == "lns":
        return np.nan
    block, x = Block.of(arm), Stream.entering(arm, 0.0, 0.9)
    if adds_means(block):
        return 1.0
    grows = block.skip > 0 and not (arm.placement.pre or arm.placement.post)
    branch = replace(block, skip=0.0, branch=1.0, mixed=False)
    for _ in range(1000):
        if grows:
            x = x.times((GROWN / x.q) ** 0.5)
        if np.ptp(x.cosines) < 1e-6 or not x.within_range:
            break
        x = branch(x, 1)
    return float(x.cosines.mean()) if np.ptp(x.cosines) < 0.01 else np.nan
