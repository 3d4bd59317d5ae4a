"""A quantity over the layers of a network: a heatmap over layer and step, and profiles over layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, ScalarFormatter, StrMethodFormatter
from numpy.typing import NDArray

# Shapes: T steps, N layers.

Array = NDArray[np.float64]
COLORS = "viridis"
"""Perceptually uniform, and readable with any color vision."""

DECADES = 30
"""Decades that a logarithmic scale shows below its largest value."""

SMALLEST = 1e-300
"""Values below this are not shown on a logarithmic scale."""

SIZE = (6.4, 3.6)


def heatmap(values_TN: Array, steps: Sequence[int], layers: Sequence[int], *, title: str, log: bool = True) -> Figure:
    """Draw values (T, N) with a column per step and a row per layer, the first layer at the bottom.

    Values that are not finite are gray; if `log`, those ≤ 0 as well.
    """
    figure, axes = _figure(title, "step", "layer")
    masked_NT = np.ma.masked_invalid(values_TN.T)
    if log:
        masked_NT = np.ma.masked_less(masked_NT, SMALLEST)
    edges = np.append(layers, layers[-1] + 1) - 0.5
    colors = axes.pcolormesh(
        np.arange(len(steps) + 1) - 0.5, edges, masked_NT, norm=_scale(masked_NT, log), cmap=COLORS
    )
    axes.set_facecolor("lightgrey")
    axes.set_xticks(range(len(steps)), [f"{step:,}" for step in steps])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    bar = figure.colorbar(colors, cax=figure.add_axes((0.83, 0.13, 0.025, 0.78)))
    if isinstance(colors.norm, LogNorm):
        _powers(bar.ax.yaxis)
    return figure


def profile(
    values_TN: Array,
    steps: Sequence[int],
    layers: Sequence[int],
    *,
    title: str,
    log: bool = True,
    theory_N: Array | None = None,
) -> Figure:
    """Draw values (T, N) as one line per step, from dark to bright, and `theory_N`, the theory at step 0, dashed."""
    figure, axes = _figure(title, "layer")
    tints = np.linspace(0.0, 0.9, len(steps))
    for values_N, step, tint in zip(values_TN, steps, tints, strict=True):
        finite_N = np.where(np.isfinite(values_N), values_N, np.nan)
        axes.plot(layers, finite_N, color=colormaps[COLORS](tint), marker="o", markersize=2.5, label=f"step {step:,}")
    if theory_N is not None:
        axes.plot(layers, theory_N, color="black", linestyle="--", label="theory")
    if log:
        _log_axis(axes, values_TN)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), frameon=False, fontsize="small")
    return figure


def _figure(title: str, xlabel: str, ylabel: str = "") -> tuple[Figure, Axes]:
    """Make empty axes in a fixed layout, since an automatic layout takes longer than drawing."""
    figure = Figure(figsize=SIZE)
    axes = figure.add_axes((0.12, 0.13, 0.68, 0.78))
    axes.set_title(title, y=1.0)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.set_label_coords(0.5, -0.1)
    axes.yaxis.set_label_coords(-0.1, 0.5)
    return figure, axes


def _powers(axis: Axis) -> None:
    """Set few ticks in plain text, since mathtext takes as long as the rest of the figure."""
    low, high = axis.get_view_interval()
    axis.set_minor_locator(NullLocator())
    if high > 5 * low:
        axis.set_major_locator(LogLocator(subs=(1.0,) if high > 100 * low else (1.0, 2.0, 5.0), numticks=8))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(ScalarFormatter())


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """Render a figure as an RGB image, (height, width, 3)."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _scale(masked: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]], log: bool) -> Normalize:
    finite = masked.compressed()
    if not len(finite):
        return Normalize(0.0, 1.0)
    low, high = float(finite.min()), float(finite.max())
    if not log:
        return Normalize(low, high if high > low else low + 1.0)
    low = max(low, high * 10.0**-DECADES, SMALLEST)
    return LogNorm(low, high if high > low else low * 10.0, clip=True)


def _log_axis(axes: Axes, values: Array) -> None:
    visible = values[np.isfinite(values) & (values >= SMALLEST)]
    if len(visible):
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(visible.min() / 2, visible.max() * 10.0**-DECADES), top=visible.max() * 2)
        _powers(axes.yaxis)
