"""What mean-field theory predicts of networks at initialization: pure functions of numbers and names, numpy alone.

`predict(Arm(norm="pre", depth=48))` gives an arm's stream and gradients, `trainable_depth` how deep it should go,
`band` and `simulate` how far a network of finite width strays; below them are the maps of a layer and the Gaussian
expectations.
"""

from resexp.theory.arms import Arm, without_theory
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
    Depths,
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
    "Depths",
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
    "variance_fixed_point",
    "variance_map",
    "without_theory",
]
