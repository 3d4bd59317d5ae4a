"""Heatmaps and profiles over layers."""

import subprocess
import sys

import numpy as np
import pytest

from resexp.figures.layers import heatmap, pixels, profile

STEPS, LAYERS = [0, 1, 3], [0, 1, 2, 3]
VALUES = np.geomspace(1e-9, 1.0, 12).reshape(3, 4)


def test_a_heatmap_has_a_cell_per_layer_and_step():
    axes, bar = heatmap(VALUES, STEPS, LAYERS, title="rms").axes
    (mesh,) = axes.collections
    np.testing.assert_array_equal(mesh.get_array(), VALUES.T)
    assert (mesh.norm.vmin, mesh.norm.vmax) == pytest.approx((1e-9, 1.0))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "3"]
    assert bar.get_yscale() == "log"


def test_a_profile_has_a_line_per_step_and_a_dashed_one_for_the_theory():
    theory = np.geomspace(1e-3, 1, 4)
    (axes,) = profile(VALUES, STEPS, LAYERS, title="rms", theory_N=theory).axes
    *measured, dashed = axes.lines
    assert [line.get_label() for line in measured] == ["step 0", "step 1", "step 3"]
    for line, values in zip(measured, VALUES, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    np.testing.assert_array_equal(dashed.get_ydata(), theory)
    assert (dashed.get_linestyle(), axes.get_yscale()) == ("--", "log")


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("values", [np.nan, np.inf, 0.0, -1.0, 1.0, 1e300, 5e-324])
def test_any_values_can_be_drawn(values, log):
    constant = np.full((2, 1), values)
    for draw in (heatmap, profile):
        image = pixels(draw(constant, [0, 1], [3], title="one layer", log=log))
        assert image.shape == (360, 640, 3)
        assert image.std() > 0


def test_figures_import_neither_torch_nor_pyplot():
    code = "import sys, resexp.figures.layers; print([m for m in ('torch', 'matplotlib.pyplot') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
