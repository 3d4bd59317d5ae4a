"""Style, layout and file formats of the figures."""

import io
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from resexp.figures.palette import DARK, DARK_CSS, GRID, INK, MUTED, PAPER

WIDE, NARROW = 7.3, 3.75
"""Widths in inches, for a page and for a phone."""

RC: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titlepad": 6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "resexp",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "xtick.major.width": 0.6,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
    "ytick.major.width": 0.6,
}


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save figures in this style inside the context."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # browsers have more fonts
        yield


def panels(titles: Collection[str], width: float, height: float, *, x: str, y: str) -> tuple[Figure, list[Axes]]:
    """Make a figure of a panel per title; all panels share both axes.

    Args:
        titles: the titles of the panels.
        width: inches of the figure; decides the number of columns.
        height: inches of a panel.
        x, y: labels of the axes.

    """
    count = len(titles)
    columns = min(count, 2 if width < WIDE or count == 4 else 3)
    rows = -(-count // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(width, rows * height + 0.75), layout=layout)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes: list[Axes] = [*grid.flat]
    for spare in axes[count:]:
        spare.remove()
    for n, (axis, title) in enumerate(zip(axes, titles, strict=False)):
        axis.set_title(wrap(title.split(), 24 if width >= WIDE else 21))
        axis.tick_params(labelbottom=n + columns >= count)
        axis.grid(visible=True)
        axis.set_axisbelow(True)
    figure.supxlabel(x, fontsize=9, color=MUTED)
    figure.supylabel(y, fontsize=9, color=MUTED)
    return figure, axes[:count]


def shorten(text: str, length: int) -> str:
    """Cut a label to `length` characters, with unprintable ones replaced."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= length else text[: length - 1] + "…"


def wrap(words: Sequence[str], length: int) -> str:
    """Join words into lines of at most `length` characters."""
    lines = [""]
    for word in words:
        short = shorten(word, length)
        if lines[-1] and len(lines[-1]) + 1 + len(short) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {short}".strip()
    return "\n".join(lines)


def svg(figure: Figure) -> str:
    """Return the figure as reproducible SVG, with coordinates to a hundredth."""
    stream = io.StringIO()
    with styled():
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = re.sub(r"<metadata>.*?</metadata>", "", stream.getvalue(), flags=re.DOTALL)
    text = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)
    return text.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'")


def standalone_svg(text: str) -> str:
    """Add dark mode and a background to an SVG, for a file of its own."""
    light, dark = (f"svg{{background:{color}}}" for color in (PAPER, DARK[PAPER]))
    background = f"{light}@media screen and (prefers-color-scheme: dark){{{dark}}}"
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{background}{DARK_CSS}</style>", text, count=1)


def inline_svg(text: str, prefix: str) -> str:
    """Make an SVG an element of a page: prefix its ids, and hide it from screen readers, which get the text."""
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text[text.index("<svg") :])
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def png(figure: Figure) -> bytes:
    """Return the figure as PNG on white, with 200 dots per inch."""
    stream = io.BytesIO()
    with styled():
        figure.savefig(stream, format="png", dpi=200, facecolor="white")
    return stream.getvalue()
