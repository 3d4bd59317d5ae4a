"""What the figures look like: colors that color-blind readers tell apart, marks and hatches beside them, type."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from resexp.figures.palette import DARK, DARK_CSS, GRID, INK, MUTED, PAPER

WIDE, NARROW = 7.3, 3.75
"""Inches: of a page, and of a telephone."""

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
    """Draw and write in this style."""
    with mpl.rc_context(RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a browser has others
        yield


def panels(count: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of like panels of about 2.3 inches that share both axes; `height`: inches of a panel."""
    columns = min(count, 2 if width < WIDE or count == 4 else 3)
    rows = -(-count // columns)
    spaced = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    figure = Figure(figsize=(width, rows * height + 0.75), layout=spaced)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    axes: list[Axes] = [*grid.flat]
    for spare in axes[count:]:
        spare.remove()
    for n, axis in enumerate(axes[:count]):
        axis.tick_params(labelbottom=n + columns >= count)
        axis.grid(visible=True)
        axis.set_axisbelow(True)
    return figure, axes[:count]


def shorten(text: str, length: int) -> str:
    """A label that fits, of what can be shown."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return text if len(text) <= length else text[: length - 1] + "…"


def fold(words: Sequence[str], length: int) -> str:
    """Words as lines that are no longer than they need be."""
    lines = [""]
    for word in words:
        short = shorten(word, length)
        if lines[-1] and len(lines[-1]) + 1 + len(short) > length:
            lines.append("")
        lines[-1] = f"{lines[-1]} {short}".strip()
    return "\n".join(lines)


def svg(figure: Figure) -> str:
    """The figure as SVG, the same each time."""
    stream = io.StringIO()
    with styled():
        figure.savefig(stream, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = re.sub(r"<metadata>.*?</metadata>", "", stream.getvalue(), flags=re.DOTALL)
    text = re.sub(r'\bd="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), text)  # a hundredth will do
    return text.replace("'DejaVu Sans'", "system-ui, 'DejaVu Sans'")


def alone(text: str) -> str:
    """An SVG file that knows dark mode, on a ground of its own: it cannot know that of a page around it."""
    light, dark = (f"svg{{background:{color}}}" for color in (PAPER, DARK[PAPER]))
    ground = f"{light}@media screen and (prefers-color-scheme: dark){{{dark}}}"
    return re.sub(r"(<svg[^>]*>)", rf"\1<style>{ground}{DARK_CSS}</style>", text, count=1)


def element(text: str, word: str) -> str:
    """An SVG as an element of a page, its ids behind a word.

    It is hidden from screen readers: what stands around it says what it shows.
    """
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{word}-", text[text.index("<svg") :])
    return text.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def png(figure: Figure) -> bytes:
    """The figure on white, 200 dots an inch."""
    stream = io.BytesIO()
    with styled():
        figure.savefig(stream, format="png", dpi=200, facecolor="white")
    return stream.getvalue()
