"""Gaussian expectations against adaptive quadrature and simulation, and identities between them."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad
from scipy.special import erf, expit

from resexp.config.errors import InputError
from resexp.theory import ACTIVATIONS, covariance, curvature, mean, second_moment, slope_covariance, slope_moment


def density(u):
    return np.exp(-u * u / 2) / math.sqrt(2 * math.pi)


def normal(u):
    return (1 + erf(u / math.sqrt(2))) / 2


def sech2(u):
    return 4 * expit(2 * u) * expit(-2 * u)


FUNCTIONS = {  # φ, φ', φ''; φ'' of relu is 0 but at 0, where φ is 0
    "relu": (lambda u: np.maximum(u, 0), lambda u: (u > 0) * 1.0, lambda u: 0 * u),
    "gelu": (lambda u: u * normal(u), lambda u: normal(u) + u * density(u), lambda u: (2 - u * u) * density(u)),
    "silu": (
        lambda u: u * expit(u),
        lambda u: expit(u) * (1 + u * expit(-u)),
        lambda u: expit(u) * expit(-u) * (2 + u * (1 - 2 * expit(u))),
    ),
    "tanh": (np.tanh, sech2, lambda u: -2 * np.tanh(u) * sech2(u)),
    "identity": (lambda u: u, lambda u: 0 * u + 1, lambda u: 0 * u),
}
activations = st.sampled_from(ACTIVATIONS)
variances = st.floats(-9, 9).map(lambda x: 10.0**x)
cosines = st.floats(-1, 1)


def quadrature(f, q):
    """Return E f(√q z), split at the scales on which f and the normal density change."""
    s = math.sqrt(q)
    edges = sorted({0.0, *(sign * min(12, e) for e in (0.5 / s, 3 / s, 10 / s, 50 / s, 12) for sign in (-1, 1))})
    return sum(
        quad(lambda z: f(s * z) * density(z), a, b, epsabs=1e-16, epsrel=1e-12, limit=200)[0]
        for a, b in pairwise(edges)
    )


def test_every_activation_is_tested():
    assert set(FUNCTIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("q", [1e-6, 0.1, 1, 4, 50, 1e4, 1e8])
def test_moments_equal_adaptive_quadrature(activation, q):
    f, slope, bend = FUNCTIONS[activation]
    for value, integrand in (
        (second_moment(activation, q), lambda u: f(u) ** 2),
        (slope_moment(activation, q), lambda u: slope(u) ** 2),
        (mean(activation, q), f),
        (curvature(activation, q), lambda u: bend(u) * f(u)),
    ):
        assert value == pytest.approx(quadrature(integrand, q), rel=1e-10, abs=1e-13 * math.sqrt(q))


def test_gauss_hermite_quadrature_is_wrong_for_large_variances():
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    wrong = weights @ sech2(np.sqrt(50) * nodes) ** 2 / weights.sum()
    assert wrong / slope_moment("tanh", 50.0) == pytest.approx(2.13, abs=0.01)


@pytest.mark.parametrize("activation", ["gelu", "silu", "tanh"])
@pytest.mark.parametrize("q", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("c", [-0.8, 0.3, 0.95])
def test_pairs_equal_a_sum_over_a_dense_grid(activation, q, c):
    """For smooth functions under a normal density the trapezoidal rule converges exponentially, to 1e-10 here."""
    z = np.linspace(-9, 9, 601)
    x, y = np.meshgrid(z, z)
    weights = density(x) * density(y) * (z[1] - z[0]) ** 2
    one, two = math.sqrt(q) * x, math.sqrt(q) * (c * x + math.sqrt(1 - c * c) * y)
    f, slope, _ = FUNCTIONS[activation]
    assert covariance(activation, q, c) == pytest.approx((weights * f(one) * f(two)).sum(), abs=1e-10)
    assert slope_covariance(activation, q, c) == pytest.approx((weights * slope(one) * slope(two)).sum(), abs=1e-10)


@pytest.mark.parametrize("activation", ["gelu", "silu", "tanh"])
@pytest.mark.parametrize(("q", "c"), [(30.0, 0.9)])
def test_pairs_equal_adaptive_quadrature(activation, q, c):
    f, slope, _ = FUNCTIONS[activation]
    other = math.sqrt(1 - c * c)
    for function, value in ((f, covariance(activation, q, c)), (slope, slope_covariance(activation, q, c))):

        def integrand(y, x, g=function):
            return g(math.sqrt(q) * x) * g(math.sqrt(q) * (c * x + other * y)) * density(x) * density(y)

        assert value == pytest.approx(dblquad(integrand, -9, 9, -9, 9, epsabs=1e-8, epsrel=1e-8)[0], abs=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("q", "c"), [(2.0, 0.6), (100.0, -0.3)])
def test_pairs_equal_simulation(activation, q, c):
    """Within five standard errors of 400,000 draws."""
    z = np.random.default_rng(0).standard_normal((2, 400_000))
    one, two = math.sqrt(q) * z[0], math.sqrt(q) * (c * z[0] + math.sqrt(1 - c * c) * z[1])
    for function, value in zip(FUNCTIONS[activation], (covariance, slope_covariance), strict=False):
        draws = function(one) * function(two)
        error = draws.std() / math.sqrt(len(draws))
        assert abs(draws.mean() - value(activation, q, c)) <= 5 * error + 1e-12


@given(activations, variances)
def test_moments_are_covariances_of_equal_inputs(activation, q):
    """K(1) = V ≥ m², K(0) = m², V' = D + E φ''φ."""
    v, m = float(second_moment(activation, q)), float(mean(activation, q))
    assert covariance(activation, q, 1.0) == v
    assert slope_covariance(activation, q, 1.0) == slope_moment(activation, q)
    assert v >= m * m
    assert covariance(activation, q, 0.0) == pytest.approx(m * m, rel=1e-9, abs=1e-15 * v)
    step = 1e-4
    above, below = second_moment(activation, q * (1 + step)), second_moment(activation, q * (1 - step))
    expected = slope_moment(activation, q) + curvature(activation, q)
    assert (above - below) / (2 * step * q) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@given(activations, variances, st.floats(-0.99, 0.99))
def test_slope_covariance_is_the_derivative_of_the_covariance(activation, q, c):
    step = 1e-5
    rise = covariance(activation, q, c + step) - covariance(activation, q, c - step)
    scale = float(second_moment(activation, q)) / q
    assert rise / (2 * step * q) == pytest.approx(slope_covariance(activation, q, c), rel=1e-4, abs=1e-7 * scale)


@given(activations, variances, cosines, cosines)
def test_the_covariance_rises_with_the_cosine(activation, q, one, other):
    """K rises with c ≥ 0, and |K| ≤ V."""
    low, high = sorted((abs(one), abs(other)))
    k = covariance(activation, q, np.array([low, high, one]))
    v = float(second_moment(activation, q))
    assert k[0] <= k[1] + 1e-14 * v
    assert abs(k[2]) <= v * (1 + 1e-12)


@given(variances, cosines)
def test_relu_is_the_arc_cosine_kernel(q, c):
    kernel = q * (math.sqrt(1 - c * c) + c * (math.pi - math.acos(c))) / (2 * math.pi)
    assert covariance("relu", q, c) == pytest.approx(kernel, abs=1e-14 * q)
    assert slope_covariance("relu", q, c) == pytest.approx(0.5 - math.acos(c) / (2 * math.pi), abs=1e-7)
    assert (second_moment("relu", q), slope_moment("relu", q)) == (pytest.approx(q / 2), 0.5)
    assert mean("relu", q) == pytest.approx(math.sqrt(q / (2 * math.pi)))


@given(variances)
def test_gelu_equals_the_published_formulas(q):
    angle, root = math.asin(q / (1 + q)), math.sqrt(1 + 2 * q)
    v = q / 4 + q / (2 * math.pi) * angle + q * q / (math.pi * (1 + q) * root)
    d = 0.25 + angle / (2 * math.pi) + q * (3 + 5 * q) / (2 * math.pi * (1 + q) * root**3)
    assert second_moment("gelu", q) == pytest.approx(v, rel=1e-7)
    assert slope_moment("gelu", q) == pytest.approx(d, rel=1e-7)


def test_arrays_are_broadcast_and_zero_variance_is_allowed():
    q, c = np.array([0.0, 1.0, 9.0]), np.array([[0.0], [1.0]])
    for activation in ACTIVATIONS:
        table = covariance(activation, q, c)
        assert table.shape == slope_covariance(activation, q, c).shape == (2, 3)
        assert table[1, 2] == covariance(activation, 9.0, 1.0)
        assert not table[:, 0].any()
        assert float(slope_moment(activation, 0.0)) == pytest.approx(
            {"relu": 0.5, "gelu": 0.25, "silu": 0.25}.get(activation, 1)
        )


def test_an_unknown_activation_is_refused_with_the_nearest_name():
    with pytest.raises(InputError, match="activation=rel: no theory for it; did you mean relu"):
        second_moment("rel", 1.0)
