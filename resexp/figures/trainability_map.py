"""Trainability map: the verdicts of the replicates of each arm at each depth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from resexp.figures.palette import HATCHES, MARKS, MUTED, NONE, PAPER, VERDICT_COLORS, VERDICT_INKS
from resexp.figures.style import WIDE, styled, wrap

HEIGHT = 0.91


@dataclass(frozen=True)
class Counts:
    """The number of replicates with each verdict in one cell; if none has a verdict, `note` gives the reason."""

    verdicts: Mapping[str, int]
    note: str = ""


def trainability_map(rows: Mapping[str, Sequence[Counts | None]], depths: Sequence[int], width: float) -> Figure:
    """Draw a row per arm and a column per depth, each cell divided among the verdicts.

    Args:
        rows: the cells of each arm, in the order of `depths`; None if there is no such cell.
        depths: the depths of the columns.
        width: inches of the figure.

    """
    with styled():
        labels = [wrap(name.split(), 16 if width < WIDE else 30) for name in rows]
        lines = max(label.count("\n") for label in labels) + 1
        height = max(0.34, 0.17 * lines + 0.08)
        figure = Figure(figsize=(width, height * len(rows) + 0.95), layout="constrained")
        axes = figure.subplots()
        for y, cells in enumerate(rows.values()):
            for x, cell in enumerate(cells):
                if cell is not None:
                    _cell(axes, (x, y), cell, 1 - 0.035 * len(depths) / (width - 1.1), (width - 1.1) / len(depths))
        axes.set(xlim=(-0.02, len(depths)), ylim=(len(rows), -0.02), xticks=[x + 0.47 for x in range(len(depths))])
        axes.set_xticklabels([str(depth) for depth in depths])
        axes.set_yticks([y + 0.46 for y in range(len(rows))], labels)
        axes.set_xlabel("depth (blocks)", loc="left")
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.tick_params(length=0, colors=MUTED)
        axes.spines[:].set_visible(False)
        keys = [
            Patch(facecolor=color, edgecolor=ink, hatch=HATCHES[word], linewidth=0, label=f"{MARKS[word]} {word}")
            for (word, color), ink in zip(VERDICT_COLORS.items(), VERDICT_INKS.values(), strict=True)
        ]
        shape = {"handlelength": 1.4, "handleheight": 0.9, "columnspacing": 0.9, "fontsize": 8}
        figure.legend(handles=keys, loc="outside lower left", ncols=4, **shape)
        return figure


def _cell(axes: Axes, corner: tuple[int, int], cell: Counts, span: float, inches: float) -> None:
    """Draw a cell at `corner`, `span` columns wide; a column is `inches` wide."""
    (left, y), total = corner, sum(cell.verdicts.values())
    middle = y + HEIGHT / 2
    if not total:
        axes.add_patch(Rectangle((left, y), span, HEIGHT, fill=False, edgecolor=NONE, linewidth=0.8, linestyle="--"))
        axes.text(left + span / 2, middle, cell.note, ha="center", va="center", fontsize=8, color=MUTED)
        return
    x = float(left)
    for word, color in VERDICT_COLORS.items():
        share = span * cell.verdicts.get(word, 0) / total
        if not share:
            continue
        ink, hatch = VERDICT_INKS[word], HATCHES[word]
        patch = Rectangle((x, y), share, HEIGHT, facecolor=color, edgecolor=f"{ink}55", hatch=hatch, linewidth=0)
        axes.add_patch(patch)
        box = {"facecolor": color, "edgecolor": "none", "boxstyle": "round,pad=0.18", "linewidth": 0}
        text = f"{cell.verdicts[word]} {MARKS[word]}" if share * inches > 0.3 else MARKS[word]
        axes.text(x + share / 2, middle, text, ha="center", va="center", fontsize=8.5, color=ink, bbox=box)
        x += share
        if x < left + span - 1e-9:
            axes.plot([x, x], [y, y + HEIGHT], color=PAPER, linewidth=1.2)
