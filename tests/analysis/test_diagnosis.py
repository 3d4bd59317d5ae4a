"""Gains, depth limits and diagnoses of a network at initialization."""

import math

import numpy as np
import pytest
from scipy import stats

from resexp.analysis.diagnosis import Gain, diagnose, measured_depth_limit


def test_inputs_limit_the_depth_only_if_they_stay_parallel_to_the_end():
    steady = Gain(1.0, 1.0, 1.0, None)
    assert measured_depth_limit(steady, np.array([0.2, 0.9, 0.91, 0.7])) == math.inf
    assert measured_depth_limit(steady, np.array([0.2, 0.9, 0.7, 0.9, 0.91])) == 3


def test_the_interval_of_a_gain_is_a_t_interval_of_log_gains():
    ratios = np.array([0.5, 0.8, 1.1, 0.7])
    gain = Gain.of(ratios, 2, None)
    logs = np.log(ratios) / 2
    low, high = stats.t.interval(0.95, 3, logs.mean(), logs.std(ddof=1) / 2)
    assert (gain.low, gain.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert Gain.of(np.array([np.nan, np.inf]), 2, 1.0) == Gain(None, None, None, 1.0)


def test_the_diagnosis_of_a_falling_gradient():
    layers = {"stream_rms": np.ones(49), "stream_grad": np.ones(49), "pair_cosine": np.zeros(49)}
    diagnosis = diagnose(48, Gain(1, 1, 1, 1), Gain(0.61**2, 0, 1, None), layers, 19.0, "; try norm=pre residual=on")
    assert diagnosis == (
        "gradient falls by 0.61 per block, 10⁻¹⁰ at block 1 of 48: will hardly train at depth 48;"
        " try norm=pre residual=on"
    )
