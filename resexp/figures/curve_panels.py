"""Curves as small multiples: in each panel a mean with its band for each depth, all on the same axes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from resexp.figures.palette import MUTED, Dash, depth_styles
from resexp.figures.style import WIDE, fold, panels, styled

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Points x (N,), and of the finite replicates there mean, least and largest; nan where there is none."""

    x: Values
    mean: Values
    low: Values
    high: Values
    note: str = ""


@dataclass(frozen=True)
class Scale:
    """What the axes show: labels, whether y is logarithmic, its limits, and lines across all panels."""

    x: str
    y: str
    log: bool = True
    limits: tuple[float, float] | None = None
    levels: Mapping[str, float] = field(default_factory=dict)


def curve_panels(rows: Mapping[str, Mapping[str, Curve]], keys: Sequence[str], scale: Scale, width: float) -> Figure:
    """A panel per row, a curve per key, in the order of `keys`."""
    with styled():
        figure, axes = panels(len(rows), width, 1.55 if width >= WIDE else 1.4)
        styles = dict(zip(keys, depth_styles(len(keys)), strict=True))
        for axis, (name, curves) in zip(axes, rows.items(), strict=True):
            axis.set_title(fold(name.split(), 24 if width >= WIDE else 21))
            for key, curve in curves.items():
                _draw(axis, curve, *styles[key])
            for n, level in enumerate(scale.levels.values()):
                axis.axhline(level, color=MUTED, linewidth=0.9, linestyle=("--", ":")[n % 2], zorder=1)
            notes = [f"{key}: {note}" for key, curve in curves.items() if (note := _note(curve, scale))]
            text = "\n".join(notes[:3])
            axis.text(0.98, 0.95, text, transform=axis.transAxes, ha="right", va="top", fontsize=7.5, color=MUTED)
        _set_y(axes[0], scale)
        figure.supxlabel(scale.x, fontsize=9, color=MUTED)
        figure.supylabel(scale.y, fontsize=9, color=MUTED)
        lines = [Line2D([], [], color=color, dashes=dash, label=key) for key, (color, dash) in styles.items()]
        levels = [
            Line2D([], [], color=MUTED, linewidth=0.9, linestyle=("--", ":")[n % 2], label=name)
            for n, name in enumerate(scale.levels)
        ]
        handles = [*lines, *levels]
        columns = min(len(handles), 6 if width >= WIDE else 2)
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=2.2, columnspacing=1.2)
        return figure


def _set_y(axis: Axes, scale: Scale) -> None:
    if scale.limits:
        axis.set_ylim(scale.limits)
    if scale.log:
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        if high < 30 * low:
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(_power)
        axis.yaxis.set_minor_formatter(NullFormatter())


def _note(curve: Curve, scale: Scale) -> str:
    """What of a curve the panel does not show."""
    known = curve.mean[np.isfinite(curve.mean)]
    is_beyond = scale.limits is not None and len(known) > 0 and known[-1] > scale.limits[1]
    return ", ".join([*(["ends above"] if is_beyond else []), *([curve.note] if curve.note else [])])


def _power(value: float, place: float = 0) -> str:
    """`0.01`, `100`, `10⁶`; a formula would need its own fonts."""
    power = round(math.log10(value)) if value > 0 else 0
    if -4 < power < 4:
        return f"{value:g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _draw(axis: Axes, curve: Curve, color: str, dash: Dash) -> None:
    axis.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.18, linewidth=0)
    axis.plot(curve.x, curve.mean, color=color, dashes=dash)
    known = np.flatnonzero(np.isfinite(curve.mean))
    if len(known) and known[-1] < len(curve.x) - 1:  # nothing finite is left from here on
        axis.plot(curve.x[known[-1]], curve.mean[known[-1]], marker="X", markersize=6, color=color, clip_on=False)
