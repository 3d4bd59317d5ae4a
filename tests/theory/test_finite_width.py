"""Networks of finite width: κ and the simulation."""

import math
import warnings

import numpy as np
import pytest

from resexp.config.errors import InputError
from resexp.theory import Arm, FiniteWidthWarning, band, kappa, predict, simulate

RELU = Arm(depth=20)


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({"residual": "off", "body": "act_linear"}, 5),
        ({"residual": "off", "body": "linear_act"}, 5),
        ({"residual": "off"}, 7),
        ({}, 2.75),
        ({"residual": "rezero"}, 0),
        ({"residual": "off", "activation": "identity"}, 4),
        ({"residual": "projection"}, 3.25),
        ({"residual": "off", "init": "orthogonal"}, 3),
        ({"init": "orthogonal"}, 1.75),
        ({"residual": "scaled"}, (7 + 4 * 20) / 21**2),
    ],
)
@pytest.mark.slow
def test_the_band_agrees_with_simulated_networks(choices, expected):
    """1,000 networks of width 256: mean and variance within 5 standard errors, plus 10 % for higher orders in 1/n."""
    arm = Arm(depth=20, **choices)
    assert kappa(arm) == pytest.approx(expected)
    logs = simulate(arm, 256, 1000)
    deviation = logs[:, -1] - logs[:, 0] - math.log(predict(arm).second_moments[-1])
    expected_band = band(arm, 256)
    error = 5 * deviation.std() / math.sqrt(1000)
    assert abs(deviation.mean() - expected_band.mean) <= error + 0.1 * abs(expected_band.mean) + 1e-12
    assert deviation.var() == pytest.approx(expected_band.std**2, rel=5 * math.sqrt(2 / 1000) + 0.1, abs=1e-12)


def test_kappa_is_nan_if_it_is_not_known():
    for other in ({"activation": "gelu"}, {"norm": "pre"}, {"body": "linear_act"}, {"residual": "fixup"}):
        assert math.isnan(kappa(Arm(depth=4, **other)))


def test_a_network_too_narrow_for_its_depth_gives_a_warning():
    with pytest.warns(FiniteWidthWarning, match="depth 64 at width 64: κL/n = 7.0 > 4"):
        band(Arm(depth=64, residual="off"), 64)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        band(RELU, 64)


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu", "tanh", "identity"])
@pytest.mark.parametrize("norm", ["none", "pre", "post", "peri", "res-post"])
@pytest.mark.parametrize("normalizer", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("body", ["ffn", "linear_act"])
def test_simulated_wide_networks_agree_with_the_prediction(activation, norm, normalizer, body):
    """64 networks of width 500 and four blocks: mean ln q within 5 standard errors plus κL/2n for κ = 7."""
    arm = Arm(depth=4, activation=activation, norm=norm, normalizer=normalizer, body=body)
    logs = simulate(arm, 500, 64)
    error = logs.std(0) / 8
    assert (np.abs(logs.mean(0) - np.log(predict(arm).second_moments)) <= 5 * error + 7 * 4 / 1000).all()


def test_simulated_moments_beyond_float64_are_finite_logarithms():
    logs = simulate(Arm(depth=1500), 64, 4)
    assert np.isfinite(logs).all()
    assert logs[:, -1].mean() == pytest.approx(1500 * math.log(2), rel=0.05)


def test_arms_that_cannot_be_simulated_are_refused():
    with pytest.raises(InputError, match="normalizer=batchnorm"):
        simulate(Arm(depth=2, norm="pre", normalizer="batchnorm"), 8, 2)
    with pytest.raises(InputError, match="model=conv"):
        simulate(Arm(depth=2, model="conv"), 8, 2)
