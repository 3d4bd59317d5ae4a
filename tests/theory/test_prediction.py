"""Predictions for arms: gains, dependence on depth, and arms that the theory does not cover."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config.errors import InputError
from resexp.config.settings import conf_dir
from resexp.nn.block import ACTIVATIONS as BUILT
from resexp.nn.placement import shipped_placements
from resexp.theory import (
    ACTIVATIONS,
    Arm,
    mean,
    predict,
    slope_moment,
    trainable_depth,
    unsupported_reason,
)
from resexp.theory.arms import BODIES, NORMALIZERS, RESIDUALS

PLAIN_POST = Arm(depth=6, norm="post", residual="off")
POST = replace(PLAIN_POST, residual="on")
placements, residuals = st.sampled_from(sorted(shipped_placements())), st.sampled_from(sorted({*RESIDUALS} - {"lns"}))
activations, bodies = st.sampled_from(ACTIVATIONS), st.sampled_from(sorted(BODIES))
arms = st.builds(
    Arm,
    depth=st.integers(1, 12),
    activation=activations,
    norm=placements,
    normalizer=st.sampled_from(NORMALIZERS),
    residual=residuals,
    body=bodies,
    start=st.floats(0, 1),
    cosine=st.floats(0, 0.9),
)


def options(group):
    return {file.stem for file in (conf_dir() / group).glob("*.yaml")}


def test_the_theory_uses_the_names_of_the_options():
    assert set(ACTIVATIONS) == set(BUILT)
    assert {*NORMALIZERS} <= options("normalizer")
    assert {*RESIDUALS} <= options("residual")
    assert {*BODIES} <= options("body")


@pytest.mark.parametrize(
    ("activation", "normalizer", "body", "gain"),
    [
        ("relu", "layernorm", "ffn", 1.0),
        ("tanh", "layernorm", "ffn", 1.178),
        ("gelu", "layernorm", "ffn", 1.072),
        ("relu", "batchnorm", "ffn", 1.467),
        ("tanh", "batchnorm", "ffn", 1.178),
        ("gelu", "batchnorm", "ffn", 1.319),
        ("relu", "layernorm", "linear_act", 1.467),
        ("tanh", "layernorm", "linear_act", 1.344),
        ("gelu", "layernorm", "linear_act", 1.379),
        ("relu", "rmsnorm", "linear_act", 1.0),
    ],
)
def test_gains_of_plain_networks_with_a_norm(activation, normalizer, body, gain):
    arm = replace(PLAIN_POST, activation=activation, normalizer=normalizer, body=body)
    assert predict(arm).backward[-1] == pytest.approx(gain, abs=5e-4)
    assert predict(replace(arm, norm="pre")).backward[-1] == pytest.approx(gain, abs=5e-4)


@pytest.mark.parametrize(
    ("activation", "normalizer", "gain"),
    [
        ("relu", "layernorm", 1.0),
        ("tanh", "layernorm", 1.078),
        ("gelu", "layernorm", 1.033),
        ("relu", "batchnorm", 1.189),
    ],
)
def test_gains_of_post_norm_residual_networks(activation, normalizer, gain):
    assert predict(replace(POST, activation=activation, normalizer=normalizer)).backward[-1] == pytest.approx(
        gain, abs=5e-4
    )


@pytest.mark.parametrize(
    ("norm", "residual", "expected"),
    [
        ("none", "off", {8: 0.83, 24: 0.96, 48: 0.987}),
        ("pre", "off", {8: 0.83, 24: 0.96, 48: 0.987}),
        ("post", "on", {24: 0.89, 48: 0.96}),
        ("pre", "on", {48: 0.59}),
    ],
)
def test_cosines_of_relu_networks(norm, residual, expected):
    cosines = predict(Arm(depth=48, norm=norm, residual=residual)).cosines
    for depth, cosine in expected.items():
        assert cosines[depth] == pytest.approx(cosine, abs=0.005)


def test_growth_of_moments_and_gradients_of_residual_networks():
    unscaled = predict(Arm(depth=40))
    assert unscaled.forward == pytest.approx(2)
    assert unscaled.backward == pytest.approx(2)
    scaled = predict(Arm(depth=400, residual="scaled"))
    assert scaled.second_moments[-1] == pytest.approx(math.e, rel=2e-3)
    assert scaled.gradients[0] == pytest.approx(math.e, rel=2e-3)
    pre = predict(Arm(depth=64, norm="pre"))
    assert pre.second_moments == pytest.approx(np.arange(1, 66))
    assert pre.gradients == pytest.approx(pre.second_moments[-1] / pre.second_moments)
    for zero in ("rezero", "skipinit"):
        identity = predict(Arm(depth=64, residual=zero, cosine=0.3))
        assert [*identity.forward, *identity.backward] == [1] * 128
        assert identity.cosines == pytest.approx(0.3)


def test_means_accumulate_if_a_branch_ends_in_an_activation():
    """x + relu(W x) grows λ-fold per block in the limit, λ = 2 + 2r/√π, r = (1/√π)/(√λ − 1); gradients are nan."""
    prediction = predict(Arm(depth=60, body="linear_act"))
    growth = prediction.forward[-1]
    assert growth == pytest.approx(2 + 2 / math.pi / (math.sqrt(growth) - 1))
    assert growth == pytest.approx(2.904, abs=5e-4)
    assert np.isnan(prediction.backward).all()
    assert np.isfinite(predict(Arm(depth=6, body="linear_act", activation="tanh")).backward).all()


def test_tanh_gradients_of_a_residual_stream_are_sub_exponential():
    """ln g_0 ~ c √L: twice as large at four times the depth, within 10 %. Yang 2017."""
    logs = [math.log(predict(Arm(depth=depth, activation="tanh")).gradients[0]) for depth in (100, 400)]
    assert logs[1] / logs[0] == pytest.approx(2, rel=0.1)


def test_moments_are_nan_beyond_the_range_of_float64():
    prediction = predict(Arm(depth=1100))
    assert np.isnan(prediction.second_moments[-1])
    assert np.isfinite(prediction.second_moments[900])


@given(arms)
def test_predictions_are_within_bounds(arm):
    prediction = predict(arm)
    assert (prediction.second_moments > 0).all()
    assert (np.abs(prediction.cosines) <= 1 + 1e-9).all() or arm.normalizer == "batchnorm"
    assert prediction.cosines[0] == pytest.approx(arm.cosine)
    assert prediction.gradients[-1] == 1 or np.isnan(prediction.gradients[0])
    assert np.prod(prediction.forward) == pytest.approx(prediction.second_moments[-1])
    if arm.norm == "post":
        assert prediction.second_moments[1:] == pytest.approx(1)


@given(activations, bodies, placements, residuals)
def test_layernorm_and_rmsnorm_agree_without_means(activation, body, norm, residual):
    """No mean arises if the branch ends in a linear layer."""
    one, two = (
        predict(Arm(depth=5, activation=activation, body=body, norm=norm, residual=residual, start=0.5, normalizer=n))
        for n in ("layernorm", "rmsnorm")
    )
    if body != "linear_act" or not mean(activation, 1.0):
        assert one.backward == pytest.approx(two.backward)
        assert one.cosines == pytest.approx(two.cosines)


def test_the_gain_of_mean_field_initialization_is_chi():
    arm = Arm(depth=1, residual="off", body="act_linear", activation="tanh", init="mean_field",
              weight_variance=2.5, bias_variance=0.05, second_moment=1.3)  # fmt: skip
    prediction = predict(arm)
    assert prediction.backward[0] == pytest.approx(float(2.5 * slope_moment("tanh", 1.3)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"residual": "fixup"}, "residual=fixup: the head starts at 0"),
        ({"residual": "lns"}, "residual=lns: .* norm=none has none"),
        ({"body": "linear_norm_act"}, "body=linear_norm_act: the theory covers ffn"),
        ({"model": "transformer"}, "model=transformer"),
        ({"norm": "pre", "normalizer": "dyt"}, "normalizer=dyt"),
        ({"init": "normal"}, "init=normal"),
        ({"activation": "mish"}, "activation=mish"),
    ],
)
def test_an_arm_that_is_not_covered_has_a_reason(change, reason):
    arm = Arm(depth=4, **change)
    assert predict(arm) is trainable_depth(arm) is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(unsupported_reason(arm))


def test_a_normalizer_without_a_placement_is_ignored_and_an_unknown_placement_refused():
    assert unsupported_reason(Arm(depth=4, normalizer="dyt")) is None
    with pytest.raises(InputError, match="norm=prae: no such placement; did you mean pre"):
        predict(Arm(depth=4, norm="prae"))
