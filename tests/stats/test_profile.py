"""Profiles and summaries of layer measurements."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.profile import layer_summaries, profiles


def columns(*rows):
    seed, step, layer, quantity, value = zip(*rows, strict=True)
    return {
        "seed": np.array(seed),
        "step": np.array(step),
        "layer": np.array(layer),
        "quantity": np.array(quantity, dtype=object),
        "value": np.array(value),
    }


def test_profiles_place_each_value_by_step_seed_and_layer():
    by_name = profiles(columns((3, 0, 1, "a", 1.0), (1, 0, 2, "a", 2.0), (1, 10, 1, "a", 4.0), (1, 0, -1, "b", 8.0)))
    assert by_name["a"].seeds.tolist() == [1, 3]
    assert by_name["a"].steps.tolist() == [0, 10]
    np.testing.assert_array_equal(by_name["a"].values, [[[np.nan, 2], [1, np.nan]], [[4, np.nan], [np.nan, np.nan]]])
    np.testing.assert_array_equal(by_name["a"].median, [[1, 2], [4, np.nan]])
    assert [by_name[name].is_network_wide for name in "ab"] == [False, True]
    assert profiles({}) == {}


@given(st.floats(0.1, 10), st.floats(1e-3, 1e3), st.integers(1, 30))
def test_summaries_of_a_geometric_stream_recover_its_gain(gain, start, depth):
    rows = [(0, 0, layer, "stream_rms", start * gain**layer) for layer in range(depth + 1)]
    rows += [(0, 0, layer, "stream_grad", gain**-layer) for layer in range(depth + 1)]
    rows += [(0, 0, layer, "dead_fraction", layer % 2 or np.nan) for layer in range(1, depth + 1)]
    summaries = layer_summaries(profiles(columns(*rows)), 0)
    np.testing.assert_allclose(summaries["rms_gain"], [gain], rtol=1e-9)
    np.testing.assert_allclose(summaries["gradient_ratio"], [gain**depth], rtol=1e-9)
    np.testing.assert_allclose(summaries["dead_fraction"], [1.0])
    assert layer_summaries(profiles(columns(*rows)), 1) == {}
