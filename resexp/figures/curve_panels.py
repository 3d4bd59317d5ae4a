"""Curves as small multiples: one panel per arm, one curve with its band per depth, shared axes."""

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
from resexp.figures.style import WIDE, panels, styled
from resexp.formats import power_of_ten

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A curve with its band over the finite replicates; nan at points with no finite replicate.

    Attributes:
        x: (N,).
        mean: (N,) mean over the finite replicates.
        low: (N,) minimum over the finite replicates.
        high: (N,) maximum over the finite replicates.
        note: a remark in the corner of the panel.

    """

    x: Values
    mean: Values
    low: Values
    high: Values
    note: str = ""


@dataclass(frozen=True)
class AxesSpec:
    """The axes that all panels share.

    Attributes:
        x: label of the x axis.
        y: label of the y axis.
        log: make the y axis logarithmic.
        limits: limits of the y axis; None: those of the data.
        levels: horizontal lines across all panels, by name.

    """

    x: str
    y: str
    log: bool = True
    limits: tuple[float, float] | None = None
    levels: Mapping[str, float] = field(default_factory=dict)


def curve_panels(rows: Mapping[str, Mapping[str, Curve]], keys: Sequence[str], spec: AxesSpec, width: float) -> Figure:
    """Draw a panel per row with a curve per key, and a legend in the order of `keys`.

    Args:
        rows: the curves of each panel, by the title of the panel.
        keys: the keys of the curves, from shallow to deep.
        spec: the axes.
        width: inches of the figure.

    """
    with styled():
        figure, axes = panels(rows, width, 1.55 if width >= WIDE else 1.4, x=spec.x, y=spec.y)
        styles = dict(zip(keys, depth_styles(len(keys)), strict=True))
        for axis, curves in zip(axes, rows.values(), strict=True):
            for key, curve in curves.items():
                _draw(axis, curve, *styles[key])
            for n, level in enumerate(spec.levels.values()):
                axis.axhline(level, color=MUTED, linewidth=0.9, linestyle=("--", ":")[n % 2], zorder=1)
            notes = [f"{key}: {note}" for key, curve in curves.items() if (note := _note(curve, spec))]
            text = "\n".join(notes[:3])
            axis.text(0.98, 0.95, text, transform=axis.transAxes, ha="right", va="top", fontsize=7.5, color=MUTED)
        _set_y(axes[0], spec)
        lines = [Line2D([], [], color=color, dashes=dash, label=key) for key, (color, dash) in styles.items()]
        levels = [
            Line2D([], [], color=MUTED, linewidth=0.9, linestyle=("--", ":")[n % 2], label=name)
            for n, name in enumerate(spec.levels)
        ]
        handles = [*lines, *levels]
        columns = min(len(handles), 6 if width >= WIDE else 2)
        figure.legend(handles=handles, loc="outside upper left", ncols=columns, handlelength=2.2, columnspacing=1.2)
        return figure


def _set_y(axis: Axes, spec: AxesSpec) -> None:
    if spec.limits:
        axis.set_ylim(spec.limits)
    if spec.log:
        axis.set_yscale("log")
        low, high = axis.get_ylim()
        if high < 30 * low:
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(_power)
        axis.yaxis.set_minor_formatter(NullFormatter())


def _note(curve: Curve, spec: AxesSpec) -> str:
    """Return the text for a curve whose end lies above the panel, or that has a note."""
    finite = curve.mean[np.isfinite(curve.mean)]
    ends_above = spec.limits is not None and len(finite) > 0 and finite[-1] > spec.limits[1]
    return ", ".join([*(["ends above"] if ends_above else []), *([curve.note] if curve.note else [])])


def _power(value: float, position: float = 0) -> str:
    """Format a tick as `0.01`, `100` or `10⁶`, in plain text, since mathtext needs fonts of its own."""
    power = round(math.log10(value)) if value > 0 else 0
    return f"{value:g}" if -4 < power < 4 else power_of_ten(power)


def _draw(axis: Axes, curve: Curve, color: str, dash: Dash) -> None:
    axis.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.18, linewidth=0)
    axis.plot(curve.x, curve.mean, color=color, dashes=dash)
    finite = np.flatnonzero(np.isfinite(curve.mean))
    if len(finite) and finite[-1] < len(curve.x) - 1:  # all replicates have diverged
        axis.plot(curve.x[finite[-1]], curve.mean[finite[-1]], marker="X", markersize=6, color=color, clip_on=False)
