"""Tables of many rows, drawn in one go: a row takes rich's own table a millisecond."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

Lines = tuple[tuple[str, str], ...]
"""A cell of several lines, each a text and its style."""

Cell = str | Lines
Side = Literal["left", "right"]

MANY = 500
"""Rows from which on what is too wide runs on beyond the edge rather than being folded."""


class Listing:
    """Rows below a head; `columns`: their names, and which side they are flush with. Drawn as rich draws a table."""

    def __init__(self, columns: Mapping[str, Side], rows: Iterable[Sequence[Cell]]) -> None:
        self.columns = columns
        self.rows = [[((cell, ""),) if isinstance(cell, str) else cell for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [*zip(*self.rows, strict=True)] or [()] * len(self.columns)
        widths = [
            max([cell_len(name), *(_width(text) for cell in column for text, _ in cell)])
            for name, column in zip(self.columns, columns, strict=True)
        ]
        if sum(widths) + 2 * len(widths) > options.max_width and len(self.rows) < MANY:
            yield self._folded()
        else:
            yield from self._drawn(console, widths)

    def _drawn(self, console: Console, widths: Sequence[int]) -> Iterator[Segment]:
        whole, bold = sum(widths) + 2 * len(widths), console.get_style("table.header")
        sides = [*zip(widths, self.columns.values(), strict=True)]
        yield Segment(" " * whole + "\n")
        yield from _line([(name, "head") for name in self.columns], sides, {"head": bold})
        yield Segment(f" {'─' * (whole - 2)} \n")
        styles = {style: console.get_style(style) for row in self.rows for cell in row for _, style in cell if style}
        for row in self.rows:
            for parts in zip_longest(*row, fillvalue=("", "")):
                yield from _line(parts, sides, styles)
        yield Segment(" " * whole + "\n")

    def _folded(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for name, side in self.columns.items():
            table.add_column(name, justify=side, overflow="fold" if name == "run" else "ellipsis")
        for row in self.rows:
            table.add_row(*(Text("\n").join(Text(text, style) for text, style in cell) for cell in row))
        return table


def _line(
    parts: Iterable[tuple[str, str]], sides: Iterable[tuple[int, Side]], styles: Mapping[str, Style]
) -> Iterator[Segment]:
    """A line of the table: as few segments as there are changes of style."""
    plain = ""
    for (text, style), (width, side) in zip(parts, sides, strict=True):
        gap = " " * (width - _width(text))
        plain += f" {gap}" if side == "right" else " "
        if style:
            yield Segment(plain)
            yield Segment(text, styles[style])
            plain = ""
        else:
            plain += text
        plain += " " if side == "right" else f"{gap} "
    yield Segment(f"{plain}\n")


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
