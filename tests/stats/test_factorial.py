"""Factorial effects of residual × norm."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.stats.factorial import factorial_effects, is_factorial

LEVELS = [(r, n) for r in ("on", "off") for n in ("pre", "none", "post")]


def _grid(y, seeds=range(8)):
    noise = np.random.default_rng(0).normal(0, 1, 8)
    return {level: {s: y(*level) + noise[s] for s in seeds} for level in LEVELS}


def _means(grid):
    return {effect.name: effect.paired.mean for effect in factorial_effects(grid)}


def test_the_effects_of_a_known_table_are_recovered():
    truth = {"residual=on": -2.0, "norm=pre": 0.5, "norm=post": 0.0, "on × pre": -1.0, "on × post": 0.0}
    effect = {"on": -2 + 1 / 3, "off": 0, "pre": 1.0, "post": 0, "none": 0}
    grid = _grid(lambda r, n: effect[r] + effect[n] - ((r, n) == ("on", "pre")))
    assert _means(grid) == pytest.approx(truth)
    assert all(e.paired.p == e.paired.p_least for e in factorial_effects(grid) if abs(e.paired.mean) > 0.1)


@given(st.lists(st.floats(-5, 5), min_size=6, max_size=6))
def test_the_effects_determine_the_table_up_to_its_mean(values):
    """Six cells have five contrasts and a mean."""
    table = dict(zip(LEVELS, values, strict=True))
    effects = _means({level: {0: value} for level, value in table.items()})
    mean = np.mean([table["off", n] for n in ("none", "pre", "post")])
    inner = [0.0, effects["on × pre"], effects["on × post"]]
    assert np.mean([table["on", n] for n in ("none", "pre", "post")]) - mean == pytest.approx(effects["residual=on"])
    for n, extra in zip(("none", "pre", "post"), inner, strict=True):
        main = 0.0 if n == "none" else effects[f"norm={n}"]
        assert table["off", n] - table["off", "none"] == pytest.approx(main - extra / 2, abs=1e-9)


def test_only_shared_seeds_count_and_incomplete_grids_are_refused():
    grid = _grid(lambda r, n: 0.0)
    grid["on", "pre"] = {s: grid["on", "pre"][s] for s in (1, 2)}
    assert {e.paired.n for e in factorial_effects(grid)} == {2}
    grid["on", "pre"] = {}
    assert {(e.paired.n, e.paired.p) for e in factorial_effects(grid)} == {(0, 1.0)}
    del grid["on", "pre"]
    assert not is_factorial(grid)
    assert not is_factorial({})
    with pytest.raises(ValueError, match="every combination"):
        factorial_effects(grid)
