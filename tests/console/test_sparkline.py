"""The strip of layers, at any depth and width, and where a terminal knows no blocks."""

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from resexp.console.sparkline import Sparkline, marks
from resexp.engine.events import Layers


def look(depth):
    grad, rms = np.geomspace(1e-100, 1.0, depth + 1), np.full(depth + 1, 2.0)
    return Layers(3, depth, {"stream_grad": np.stack([grad] * 3), "stream_rms": np.stack([rms] * 3)})


@pytest.mark.parametrize("depth", [1, 8, 48, 512, 5000])
@pytest.mark.parametrize("width", [40, 80, 160])
def test_it_fits_and_shows_where_the_gradient_vanishes(depth, width):
    console = Console(width=width, file=io.StringIO())
    console.print(Sparkline(look(depth)))
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 3
    assert all(len(line) <= width for line in lines)
    assert lines[0].startswith("gradient   ▁")
    shown = [c for c in lines[0] if c in "▁▂▃▄▅▆▇█"]
    assert shown == sorted(shown)
    assert len(shown) >= min(depth + 1, width - 40)
    assert "2" in lines[1]
    assert f"layers 0 to {depth}" in lines[2]


def test_in_plain_ascii():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(width=80, file=stream)
    console.print(Sparkline(look(8)))
    stream.flush()
    text = stream.buffer.getvalue().decode()
    assert "1111" in text
    assert "8888" in text
    assert "?" not in text


def test_what_is_not_finite_or_zero_is_marked():
    assert marks([1.0, 0.0, math.nan, 100.0], 4).plain == "▁ ×█"
    assert marks([0.0, 0.0, math.inf, 1.0], 2).plain == " ×"
    assert marks([math.nan], 4, ascii_only=True).plain == "xxxx"


@given(st.lists(st.floats(), min_size=1, max_size=300), st.integers(8, 100))
def test_any_values_make_as_many_marks_as_there_is_room_for(values, room):
    assert min(len(values), room) <= len(marks(values, room).plain) <= room
