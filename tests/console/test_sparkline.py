"""Sparklines at any number of values and any width, with and without block characters."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from resexp.console.sparkline import BLOCKS, LayerSparklines, marks, sparkline
from resexp.engine.events import Layers
from tests.console.results import drawn


def _vanishing_gradient(depth):
    grad, rms = np.geomspace(1e-100, 1.0, depth + 1), np.full(depth + 1, 2.0)
    return Layers(3, depth, {"stream_grad": np.stack([grad] * 3), "stream_rms": np.stack([rms] * 3)})


@pytest.mark.parametrize("depth", [1, 8, 48, 512, 5000])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_layers_fit_the_width_and_show_a_vanishing_gradient(depth, width):
    lines = drawn(LayerSparklines(_vanishing_gradient(depth)), width).splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("gradient   ▁")
    blocks = [c for c in lines[0] if c in BLOCKS]
    assert blocks == sorted(blocks)
    assert len(blocks) >= min(depth + 1, width - 40)
    assert "2" in lines[1]
    assert f"layers 0 to {depth}" in lines[2]


def test_digits_replace_blocks_on_an_ascii_terminal():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(width=80, file=stream).print(LayerSparklines(_vanishing_gradient(8)))
    stream.flush()
    text = stream.buffer.getvalue().decode()
    assert "1111" in text
    assert "8888" in text
    assert "?" not in text


def test_zero_is_blank_and_a_value_that_is_not_finite_is_crossed_out():
    assert marks([1.0, 0.0, math.nan, 100.0], 4).plain == "▁ ×█"
    assert marks([0.0, 0.0, math.inf, 1.0], 2).plain == " ×"
    assert marks([math.nan], 4, ascii_only=True).plain == "xxxx"


@given(st.lists(st.floats(), min_size=1, max_size=300), st.integers(8, 100))
def test_marks_of_any_values_fit(values, width):
    assert min(len(values), width) <= len(marks(values, width).plain) <= width


@given(st.lists(st.floats(), max_size=300), st.integers(8, 40))
def test_a_sparkline_of_any_values_fits(values, width):
    line = sparkline(values, width)
    assert len(line) <= width
    assert {*line} <= {*BLOCKS}
