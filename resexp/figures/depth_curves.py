"""Depth curves: the share of the replicates that are trained, against depth, with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from resexp.figures.palette import ACCENT, BAR, INK, MUTED
from resexp.figures.style import WIDE, fold, panels, styled


@dataclass(frozen=True)
class Point:
    """At one depth: the share in [0, 1] and its interval."""

    depth: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class DepthCurve:
    """An arm's points, and where half of its replicates are trained.

    `half`: between two depths, or beyond one (inf); `d50`: where exactly, if that is known.
    """

    points: Sequence[Point]
    half: tuple[float, float] | None = None
    label: str = ""
    d50: float | None = None


def depth_curves(rows: Mapping[str, DepthCurve], width: float) -> Figure:
    """A panel per arm."""
    with styled():
        figure, axes = panels(len(rows), width, 1.3)
        depths = sorted({point.depth for curve in rows.values() for point in curve.points})
        least, most = depths[0] / 1.4, depths[-1] * 1.4
        for axis, (name, curve) in zip(axes, rows.items(), strict=True):
            axis.set_title(fold(name.split(), 24 if width >= WIDE else 21))
            if curve.half:
                low, high = max(curve.half[0], least), min(curve.half[1], most)
                axis.axvspan(low, high, color=ACCENT, alpha=0.14, linewidth=0)
            axis.axhline(0.5, color=BAR, linewidth=0.9, linestyle=":")
            x, y = [p.depth for p in curve.points], [p.share for p in curve.points]
            below, above = [p.share - p.low for p in curve.points], [p.high - p.share for p in curve.points]
            axis.errorbar(x, y, (below, above), color=ACCENT, elinewidth=1, capsize=2.5, marker="o", markersize=4)
            if curve.d50:
                axis.plot([curve.d50], [0.5], "D", color=INK, markersize=6, zorder=4)
            axis.text(0.03, 0.06, curve.label, transform=axis.transAxes, fontsize=8, color=INK)
        axes[0].set_xscale("log", base=2)
        shown = _apart(depths)
        axes[0].set_xticks(shown, [str(depth) for depth in shown])
        axes[0].minorticks_off()
        axes[0].set(xlim=(least, most), ylim=(-0.06, 1.06), yticks=[0, 0.5, 1], yticklabels=["0", "½", "all"])
        figure.supxlabel("depth (blocks)", fontsize=9, color=MUTED)
        figure.supylabel("trained", fontsize=9, color=MUTED)
        return figure


def _apart(depths: Sequence[int]) -> list[int]:
    """As many of some ascending depths as can be written below a logarithmic axis: the first, and what has room."""
    room, shown = (depths[-1] / depths[0]) ** (1 / 7), [depths[0]]
    for depth in depths[1:]:
        if depth >= shown[-1] * room:
            shown.append(depth)
    return shown
