"""The colors of the verdicts are distinct and legible with any color vision."""

import itertools

import numpy as np
import pytest

from resexp.figures.palette import DARK, HATCHES, MARKS, VERDICT_COLORS, VERDICT_INKS

VISION = {
    "normal": np.eye(3),
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
"""Matrices for linear RGB: Machado 2009."""


def _linear(color):
    c = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _lab(linear):
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = matrix @ np.clip(linear, 0, 1) / (0.9505, 1, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _contrast(one, other):
    luminances = [float(_linear(color) @ (0.2126, 0.7152, 0.0722)) + 0.05 for color in (one, other)]
    return max(luminances) / min(luminances)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("scheme", [{}, DARK])
def test_colors_of_verdicts_differ_with_any_color_vision(vision, scheme):
    colors = [_lab(np.array(VISION[vision]) @ _linear(scheme.get(color, color))) for color in VERDICT_COLORS.values()]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(colors, 2)) > 20


def test_marks_and_hatches_of_verdicts_are_unique():
    assert VERDICT_COLORS.keys() == MARKS.keys() == HATCHES.keys() == VERDICT_INKS.keys()
    assert len({*MARKS.values()}) == len({*HATCHES.values()}) == len(MARKS)


@pytest.mark.parametrize("verdict", VERDICT_COLORS)
@pytest.mark.parametrize("scheme", [{}, DARK])
def test_text_on_the_color_of_a_verdict_is_legible(verdict, scheme):
    color, ink = VERDICT_COLORS[verdict], VERDICT_INKS[verdict]
    assert _contrast(scheme.get(color, color), scheme.get(ink, ink)) >= 4.5
