"""The theory against built networks at initialization."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from resexp.nn.placement import shipped_placements
from resexp.theory import Arm, predict, simulate
from tests.theory.networks import gaps, measure

SEEDS = range(8)


def _assert_agrees(composer, arm, width):
    outside = {name: gap for name, gap in gaps(composer, arm, width, SEEDS).items() if not gap.within}
    assert not outside, f"{arm} at width {width}: {outside}"


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"residual": "off"},
        {"norm": "pre"},
        {"norm": "pre", "residual": "off", "activation": "tanh"},
        {"norm": "post", "activation": "gelu"},
        {"norm": "post", "residual": "off", "normalizer": "batchnorm"},
        {"norm": "peri", "activation": "silu"},
        {"norm": "res-post", "activation": "tanh"},
        {"norm": "pre", "body": "linear_act", "normalizer": "rmsnorm"},
        {"norm": "pre", "body": "linear_act"},
        {"norm": "post", "residual": "deepnorm"},
        {"residual": "skipinit", "start": 0.5, "body": "act_linear"},
        {"residual": "off", "body": "linear_act", "activation": "tanh", "init": "mean_field", "weight_variance": 2.5,
         "bias_variance": 0.05, "second_moment": 2.5, "cosine": 0.5},
    ],
    ids=lambda choices: "-".join(map(str, choices.values())) or "none",
)  # fmt: skip
def test_networks_agree_with_the_prediction(composer, choices):
    _assert_agrees(composer, Arm(depth=8, **choices), 128)


def _stable(activation, norm, residual):
    """False for plain gelu and silu without norms, whose variance shrinks the faster the smaller it is."""
    return not (norm == "none" and residual == "off" and activation in ("gelu", "silu"))


GRID = [
    {"activation": activation, "norm": norm, "residual": residual, "normalizer": normalizer}
    for activation, norm, residual, normalizer in itertools.product(
        ("relu", "gelu", "tanh", "silu"),
        sorted(shipped_placements()),
        ("on", "off", "scaled"),
        ("layernorm", "batchnorm"),
    )
    if _stable(activation, norm, residual) and not (norm == "none" and normalizer == "batchnorm")
]


@pytest.mark.slow
@pytest.mark.parametrize("width", [64, 256])
@pytest.mark.parametrize("choices", GRID, ids=lambda choices: "-".join(choices.values()))
def test_the_grid_agrees_with_the_prediction(composer, choices, width):
    _assert_agrees(composer, Arm(depth=16, **choices), width)


BODIES = [
    {"activation": activation, "norm": norm, "residual": residual, "body": body, "normalizer": normalizer}
    for activation, norm, residual, body, normalizer in itertools.product(
        ("relu", "gelu", "tanh"),
        ("none", "pre", "post"),
        ("on", "off"),
        ("act_linear", "linear_act"),
        ("layernorm", "rmsnorm", "batchnorm"),
    )
    if _stable(activation, norm, residual)
    and not (norm == "none" and normalizer != "layernorm")
    and not (norm == "none" and residual == "on" and body == "linear_act" and activation != "tanh")  # nan gradients
]


@pytest.mark.slow
@pytest.mark.parametrize("choices", BODIES, ids=lambda choices: "-".join(choices.values()))
def test_other_bodies_agree_with_the_prediction(composer, choices):
    _assert_agrees(composer, Arm(depth=16, **choices), 256)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "residual"),
    [("none", "projection"), ("none", "skipinit"), ("post", "projection"), ("post", "deepnorm"), ("pre", "lns"),
     ("peri", "lns"), ("none", "rezero"), ("pre", "layerscale"), ("pre", "projection")],
)  # fmt: skip
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_other_residual_schemes_agree_with_the_prediction(composer, activation, norm, residual):
    _assert_agrees(composer, Arm(depth=16, activation=activation, norm=norm, residual=residual, start=0.3), 256)


@pytest.mark.slow
@pytest.mark.parametrize("init", ["orthogonal", "lecun", "xavier"])
@pytest.mark.parametrize(("norm", "residual"), [("none", "on"), ("none", "off"), ("pre", "on"), ("post", "off")])
def test_other_initializers_agree_with_the_prediction(composer, init, norm, residual):
    _assert_agrees(composer, Arm(depth=16, init=init, norm=norm, residual=residual), 256)


@pytest.mark.slow
def test_batch_normalization_converges_to_its_limit(composer):
    """Plain tanh has the largest gap: at eight times the width and batch size, at most a third of it remains."""
    arm = Arm(depth=8, activation="tanh", norm="post", residual="off", normalizer="batchnorm")
    large, small = (
        measure(composer, arm, size, SEEDS, batch=size // 2).log_gradients[:, 0].mean()
        - np.log(predict(arm).gradients[0])
        for size in (512, 64)
    )
    assert abs(large) < small / 3


@pytest.mark.slow
def test_plain_gelu_of_finite_width_agrees_with_the_simulation_not_with_the_limit(composer):
    """At width 64 small differences between inputs and between networks grow.

    The moment over a batch, which its largest inputs dominate, exceeds the prediction by more than 4 standard errors;
    the mean over single inputs is within 4 standard errors of the simulation.
    """
    arm, width = Arm(depth=16, activation="gelu", residual="off"), 64
    measured = measure(composer, arm, width, range(24))
    error = measured.log_moments[:, -1].std() / np.sqrt(24)
    assert measured.log_moments[:, -1].mean() - np.log(predict(arm).second_moments[-1]) > 4 * error
    each = measured.log_moments_each[:, -1]
    assert abs(each.mean() - simulate(arm, width, 2000)[:, -1].mean()) <= 4 * each.std() / np.sqrt(24)


def test_the_gradient_along_a_stream_with_a_mean_dominates(composer):
    """x + relu(W x): the share of order 1/n of the squared gradient grows (forward/2)-fold per block."""
    arm, width = Arm(depth=20, body="linear_act"), 64
    log_gradients = measure(composer, arm, width, SEEDS).log_gradients.mean(0)
    rate = np.exp((log_gradients[0] - log_gradients[10]) / 10)
    assert rate == pytest.approx(predict(arm).forward[:10].mean(), rel=0.1)
    assert gaps(composer, replace(arm, activation="tanh"), width, SEEDS)["backward"].within
