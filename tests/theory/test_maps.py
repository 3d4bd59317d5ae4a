"""Variance and correlation maps: fixed points, phases, depth scales."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.theory import (
    ACTIVATIONS,
    chi,
    correlation_fixed_point,
    correlation_map,
    critical_line,
    depth_scales,
    variance_fixed_point,
    variance_map,
)

activations = st.sampled_from(ACTIVATIONS)
weights, biases = st.floats(0.1, 5), st.floats(0, 2)
variances = st.floats(1e-3, 1e3)


@given(activations, variances, weights, biases)
def test_the_correlation_of_equal_inputs_stays_1(activation, q, weight, bias):
    assert correlation_map(activation, q, 1.0, weight, bias) == pytest.approx(1, rel=1e-12)


@given(activations, variances, weights, biases, st.floats(0, 1), st.floats(0, 1))
def test_the_correlation_map_rises(activation, q, weight, bias, one, other):
    low, high = sorted((one, other))
    below, above = correlation_map(activation, q, np.array([low, high]), weight, bias)
    assert below <= above + 1e-12
    assert above <= 1 + 1e-12


@given(activations, weights, biases, st.floats(0.01, 100))
def test_fixed_points_are_fixed_and_stable(activation, weight, bias, start):
    q = variance_fixed_point(activation, weight, bias, start)
    if not 0 < q < math.inf:
        return
    assert variance_map(activation, q, weight, bias) == pytest.approx(q, rel=1e-9)
    c = correlation_fixed_point(activation, q, weight, bias)
    assert correlation_map(activation, q, c, weight, bias) == pytest.approx(c, abs=1e-8)
    assert chi(activation, q, weight, c) <= 1 + 1e-6
    assert (c == 1) == (chi(activation, q, weight) <= 1 + 1e-12)


@given(activations, variances)
def test_on_the_critical_line_gradients_keep_their_size(activation, q):
    weight, bias = critical_line(activation, q)
    assert chi(activation, q, float(weight)) == pytest.approx(1)
    assert variance_map(activation, q, float(weight), float(bias)) == pytest.approx(q)


def test_iteration_converges_to_the_fixed_points():
    weight, bias, q, c = 2.5, 0.05, 1.0, 0.3
    for _ in range(300):
        q, c = variance_map("tanh", q, weight, bias), correlation_map("tanh", q, c, weight, bias)
    assert variance_fixed_point("tanh", weight, bias) == pytest.approx(float(q))
    assert correlation_fixed_point("tanh", float(q), weight, bias) == pytest.approx(float(c))


@pytest.mark.parametrize(("weight", "expected"), [(0.5, 7), (1, 22), (1.5, 95), (2.5, 71), (4, 42)])
def test_six_correlation_depth_scales_of_tanh(weight, expected):
    assert round(6 * depth_scales("tanh", weight, 0.05).correlation) == expected


def test_depth_scales_are_the_rates_of_convergence():
    weight, bias = 1.5, 0.05
    scales = depth_scales("tanh", weight, bias)
    q = variance_fixed_point("tanh", weight, bias)
    near = variance_map("tanh", q * (1 + 1e-6), weight, bias) / q - 1
    assert -1 / math.log(near / 1e-6) == pytest.approx(scales.variance, rel=1e-4)
    c = correlation_fixed_point("tanh", q, weight, bias)
    near = correlation_map("tanh", q, c - 1e-6, weight, bias) - c
    assert -1 / math.log(-near / 1e-6) == pytest.approx(scales.correlation, rel=1e-3)
    assert scales.gradient == pytest.approx(1 / abs(math.log(chi("tanh", q, weight))))


def test_the_limit_of_the_correlation_depends_on_the_phase():
    assert correlation_fixed_point("tanh", variance_fixed_point("tanh", 1.0, 0.05), 1.0, 0.05) == 1
    assert correlation_fixed_point("tanh", variance_fixed_point("tanh", 2.5, 0.05), 2.5, 0.05) < 1
    assert correlation_fixed_point("tanh", variance_fixed_point("tanh", 2.5), 2.5) == 0


def test_depth_scales_of_relu_are_finite_only_off_criticality():
    """σ_w² = 2 preserves variances and gradients; σ_w² = 1 halves deviations from q* = 2 σ_b²."""
    assert variance_fixed_point("relu", 2.0, start=3.0) == 3
    assert depth_scales("relu", 2.0).gradient == depth_scales("relu", 2.0).correlation == math.inf
    assert variance_fixed_point("relu", 1.0, 0.1) == pytest.approx(0.2)
    assert depth_scales("relu", 1.0, 0.1).variance == pytest.approx(1 / math.log(2))
    assert variance_fixed_point("relu", 3.0) == math.inf
    assert math.isnan(depth_scales("relu", 3.0).correlation)
    assert variance_fixed_point("relu", 1.0) == 0
