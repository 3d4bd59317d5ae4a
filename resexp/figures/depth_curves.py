"""Depth curves: the share of trained replicates against depth, with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from resexp.figures.palette import ACCENT, INK, REFERENCE
from resexp.figures.style import panels, styled


@dataclass(frozen=True)
class Point:
    """The share of trained replicates at one depth, in [0, 1], and its interval from `low` to `high`."""

    depth: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class DepthCurve:
    """The depth curve of an arm.

    Attributes:
        points: the measured shares, by ascending depth.
        half: the depths between which the share falls below one half; up to inf if it does not.
        label: a text in the corner of the panel.
        d50: the estimated depth at which half of the replicates are trained, drawn as a diamond.

    """

    points: Sequence[Point]
    half: tuple[float, float] | None = None
    label: str = ""
    d50: float | None = None


def depth_curves(rows: Mapping[str, DepthCurve], width: float) -> Figure:
    """Draw a panel per arm, `width` inches wide in all; the shaded range is `half`."""
    with styled():
        figure, axes = panels(rows, width, 1.3, x="depth (blocks)", y="trained")
        depths = sorted({point.depth for curve in rows.values() for point in curve.points})
        left, right = depths[0] / 1.4, depths[-1] * 1.4
        for axis, curve in zip(axes, rows.values(), strict=True):
            if curve.half:
                low, high = max(curve.half[0], left), min(curve.half[1], right)
                axis.axvspan(low, high, color=ACCENT, alpha=0.14, linewidth=0)
            axis.axhline(0.5, color=REFERENCE, linewidth=0.9, linestyle=":")
            x, y = [p.depth for p in curve.points], [p.share for p in curve.points]
            below, above = [p.share - p.low for p in curve.points], [p.high - p.share for p in curve.points]
            axis.errorbar(x, y, (below, above), color=ACCENT, elinewidth=1, capsize=2.5, marker="o", markersize=4)
            if curve.d50:
                axis.plot([curve.d50], [0.5], "D", color=INK, markersize=6, zorder=4)
            axis.text(0.03, 0.06, curve.label, transform=axis.transAxes, fontsize=8, color=INK)
        axes[0].set_xscale("log", base=2)
        ticks = _tick_depths(depths)
        axes[0].set_xticks(ticks, [str(depth) for depth in ticks])
        axes[0].minorticks_off()
        axes[0].set(xlim=(left, right), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1], yticklabels=["0", "½", "all"])
        return figure


def _tick_depths(depths: Sequence[int]) -> list[int]:
    """Select from ascending depths the first and those whose labels do not overlap on a logarithmic axis."""
    ratio, ticks = (depths[-1] / depths[0]) ** (1 / 7), [depths[0]]
    for depth in depths[1:]:
        if depth >= ticks[-1] * ratio:
            ticks.append(depth)
    return ticks
