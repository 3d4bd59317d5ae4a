"""Mean-field theory of networks at initialization, in numpy.

`predict(Arm(norm="pre", depth=48))` predicts the stream and the gradients of an arm, `trainable_depth` the depth up to
which it trains; `band` and `simulate` give the deviations of networks of finite width. They build on the maps of one
layer, `variance_map` and `correlation_map`, and those on Gaussian expectations of activations, `covariance` and others.
"""

from resexp.theory.arms import Arm, unsupported_reason
from resexp.theory.finite_width import Band, FiniteWidthWarning, band, kappa, simulate
from resexp.theory.gaussian import (
    ACTIVATIONS,
    covariance,
    curvature,
    mean,
    second_moment,
    slope_covariance,
    slope_moment,
)
from resexp.theory.maps import (
    DepthScales,
    chi,
    correlation_fixed_point,
    correlation_map,
    critical_line,
    depth_scales,
    variance_fixed_point,
    variance_map,
)
from resexp.theory.prediction import Prediction, predict
from resexp.theory.trainable import TrainableDepth, limit_cosine, trainable_depth

__all__ = [
    "ACTIVATIONS",
    "Arm",
    "Band",
    "DepthScales",
    "FiniteWidthWarning",
    "Prediction",
    "TrainableDepth",
    "band",
    "chi",
    "correlation_fixed_point",
    "correlation_map",
    "covariance",
    "critical_line",
    "curvature",
    "depth_scales",
    "kappa",
    "limit_cosine",
    "mean",
    "predict",
    "second_moment",
    "simulate",
    "slope_covariance",
    "slope_moment",
    "trainable_depth",
    "unsupported_reason",
    "variance_fixed_point",
    "variance_map",
]
