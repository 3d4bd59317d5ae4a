"""Rate map: the number of trained replicates over depth × learning rate, one panel per arm."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from resexp.figures.palette import INK, NONE, VERDICT_COLORS
from resexp.figures.style import panels, styled

Cells = Mapping[tuple[int, float], tuple[int, int]]
"""(depth, learning rate) → (trained, replicates)."""
MAX_UPRIGHT = 7
"""Number of depths up to which numbers are upright; beyond, they are rotated."""


def rate_map(rows: Mapping[str, Cells], depths: Sequence[int], rates: Sequence[float], width: float) -> Figure:
    """Draw a panel per arm with a row per learning rate and a column per depth, `width` inches wide in all."""
    rotation = 90 if len(depths) > MAX_UPRIGHT else 0
    with styled():
        figure, axes = panels(rows, width, 0.3 * len(rates) + 0.45, x="depth (blocks)", y="learning rate")
        for axis, cells in zip(axes, rows.values(), strict=True):
            axis.grid(visible=False)
            axis.spines[:].set_visible(False)
            axis.tick_params(length=0)
            axis.tick_params(axis="x", labelrotation=rotation)
            for (depth, rate), (trained, count) in cells.items():
                x, y = depths.index(depth), rates.index(rate)
                share = trained / count if count else 0.0
                fill = VERDICT_COLORS["trained"]
                axis.add_patch(Rectangle((x, y), 0.94, 0.92, facecolor=fill, alpha=share, linewidth=0))
                axis.add_patch(Rectangle((x, y), 0.94, 0.92, facecolor="none", edgecolor=NONE, linewidth=0.6))
                text = f"{trained}/{count}" if count else "–"
                axis.text(x + 0.47, y + 0.46, text, ha="center", va="center", fontsize=8, color=INK, rotation=rotation)
        axes[0].set(xlim=(-0.03, len(depths)), ylim=(-0.03, len(rates)))
        axes[0].set_xticks([x + 0.47 for x in range(len(depths))], [str(depth) for depth in depths])
        axes[0].set_yticks([y + 0.46 for y in range(len(rates))], [f"{rate:g}" for rate in rates])
        return figure
