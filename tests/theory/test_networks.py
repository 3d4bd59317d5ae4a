"""The theory against networks that the program builds, at initialization."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from resexp.nn.placement import shipped_placements
from resexp.theory import Arm, predict, simulate
from tests.theory.networks import gaps, measure

SEEDS = range(8)


def _agrees(composer, arm, width):
    found = gaps(composer, arm, width, SEEDS)
    outside = {name: gap for name, gap in found.items() if not gap.within}
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
def test_networks_do_as_predicted(composer, choices):
    _agrees(composer, Arm(depth=8, **choices), 128)


def _stable(activation, norm, residual):
    """Plain gelu and silu without a norm lose their variance, the faster the less there is: see below."""
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
def test_the_grid_does_as_predicted(composer, choices, width):
    _agrees(composer, Arm(depth=16, **choices), width)


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
    and not (norm == "none" and residual == "on" and body == "linear_act" and activation != "tanh")  # see below
]


@pytest.mark.slow
@pytest.mark.parametrize("choices", BODIES, ids=lambda choices: "-".join(choices.values()))
def test_other_bodies_do_as_predicted(composer, choices):
    _agrees(composer, Arm(depth=16, **choices), 256)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "residual"),
    [("none", "projection"), ("none", "skipinit"), ("post", "projection"), ("post", "deepnorm"), ("pre", "lns"),
     ("peri", "lns"), ("none", "rezero"), ("pre", "layerscale"), ("pre", "projection")],
)  # fmt: skip
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh"])
def test_other_residual_schemes_do_as_predicted(composer, activation, norm, residual):
    _agrees(composer, Arm(depth=16, activation=activation, norm=norm, residual=residual, start=0.3), 256)


@pytest.mark.slow
@pytest.mark.parametrize("init", ["orthogonal", "lecun", "xavier"])
@pytest.mark.parametrize(("norm", "residual"), [("none", "on"), ("none", "off"), ("pre", "on"), ("post", "off")])
def test_other_initializations_do_as_predicted(composer, init, norm, residual):
    _agrees(composer, Arm(depth=16, init=init, norm=norm, residual=residual), 256)


@pytest.mark.slow
def test_batch_normalization_tends_to_its_limit(composer):
    """Plain tanh, which strays furthest: at eight times the width and the batch at most a third of the gap is left."""
    arm = Arm(depth=8, activation="tanh", norm="post", residual="off", normalizer="batchnorm")
    near, far = (
        measure(composer, arm, size, SEEDS, batch=size // 2).log_gradients[:, 0].mean()
        - np.log(predict(arm).gradients[0])
        for size in (512, 64)
    )
    assert abs(near) < far / 3


@pytest.mark.slow
def test_where_the_variance_is_unstable_finite_width_decides(composer):
    """Plain GELU at width 64: inputs and networks that differ by little grow apart.

    The moment over a batch, which its largest inputs make, exceeds that of infinite width by far more than the band; of
    single inputs the law of finite width is met, within 4 standard errors.
    """
    arm, width = Arm(depth=16, activation="gelu", residual="off"), 64
    measured = measure(composer, arm, width, range(24))
    error = measured.log_moments[:, -1].std() / np.sqrt(24)
    assert measured.log_moments[:, -1].mean() - np.log(predict(arm).second_moments[-1]) > 4 * error
    each = measured.log_moments_each[:, -1]
    assert abs(each.mean() - simulate(arm, width, 2000)[:, -1].mean()) <= 4 * each.std() / np.sqrt(24)


def test_gradients_along_a_stream_with_a_mean_take_over(composer):
    """x + relu(W x): a share of order 1/n that grows (forward/2)-fold a block, which infinite width does not know."""
    arm, width = Arm(depth=20, body="linear_act"), 64
    found = measure(composer, arm, width, SEEDS).log_gradients.mean(0)
    rate = np.exp((found[0] - found[10]) / 10)
    assert rate == pytest.approx(predict(arm).forward[:10].mean(), rel=0.1)
    assert gaps(composer, replace(arm, activation="tanh"), width, SEEDS)["backward"].within
