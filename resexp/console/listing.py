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
        self.heads = [name.replace(" ", "\n").replace(".", "\n.").split("\n") for name in columns]
        self.sides = [*columns.values()]
        self.rows = [[((cell, ""),) if isinstance(cell, str) else cell for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [*zip(*self.rows, strict=True)] or [()] * len(self.heads)
        texts = [
            {*head, *(text for cell in column for text, _ in cell)}
            for head, column in zip(self.heads, columns, strict=True)
        ]
        widths = [max(map(_width, column)) for column in texts]
        room = options.max_width - 2
        gap = next((gap for gap in (2, 1) if sum(widths) + gap * (len(widths) - 1) <= room), 0)
        if gap or len(self.rows) >= MANY:
            yield from self._drawn(console, widths, gap or 1)
            return
        words = [max(_width(word) for text in column for word in (text.split() or [""])) for column in texts]
        fits = sum(words) + len(words) - 1 <= room
        yield self._folded([fits and word == width for word, width in zip(words, widths, strict=True)])

    def _drawn(self, console: Console, widths: Sequence[int], gap: int) -> Iterator[Segment]:
        whole, sides = sum(widths) + gap * (len(widths) - 1) + 2, [*zip(widths, self.sides, strict=True)]
        styles = {style: console.get_style(style) for row in self.rows for cell in row for _, style in cell if style}
        styles["head"] = console.get_style("table.header")
        yield Segment(" " * whole + "\n")
        for names in [*zip_longest(*(reversed(head) for head in self.heads), fillvalue="")][::-1]:
            yield from _line([(name, name and "head") for name in names], sides, styles, gap)
        yield Segment(f" {'─' * (whole - 2)} \n")
        for row in self.rows:
            for parts in zip_longest(*row, fillvalue=("", "")):
                yield from _line(parts, sides, styles, gap)
        yield Segment(" " * whole + "\n")

    def _folded(self, whole: Sequence[bool], gap: int = 1) -> Table:
        """By rich; columns that are to stay `whole` are not folded."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True, padding=(0, gap - 1))
        for head, side, is_whole in zip(self.heads, self.sides, whole, strict=True):
            table.add_column(Text("\n".join(head)), justify=side, overflow="fold", no_wrap=is_whole)
        for row in self.rows:
            table.add_row(*(Text("\n").join(Text(text, style) for text, style in cell) for cell in row))
        return table


def _line(
    parts: Iterable[tuple[str, str]], sides: Iterable[tuple[int, Side]], styles: Mapping[str, Style], gap: int
) -> Iterator[Segment]:
    """A line of the table: as few segments as there are changes of style."""
    plain, between = " ", " " * gap
    for (text, style), (width, side) in zip(parts, sides, strict=True):
        room = " " * (width - _width(text))
        plain += room if side == "right" else ""
        if style:
            yield Segment(plain)
            yield Segment(text, styles[style])
            plain = ""
        else:
            plain += text
        plain += between if side == "right" else room + between
    yield Segment(f"{plain[: 1 - gap or None]}\n")


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
