"""Fast tables of many rows. In rich's own table, a row takes a millisecond."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from resexp.console.terminal import plain_table

Lines = tuple[tuple[str, str], ...]
"""An entry of several lines, each a text and its style."""

Entry = str | Lines
Side = Literal["left", "right"]

MAX_FOLDED_ROWS = 500
"""A table that is too wide is folded if it has fewer rows, else lines run beyond the edge."""


class Listing:
    """A table that looks like `plain_table`.

    Args:
        columns: the heads, and the side on which each column is aligned. A head breaks at spaces and before dots.
        rows: an entry per column.

    """

    def __init__(self, columns: Mapping[str, Side], rows: Iterable[Sequence[Entry]]) -> None:
        self.heads = [name.replace(" ", "\n").replace(".", "\n.").split("\n") for name in columns]
        self.sides = [*columns.values()]
        self.rows = [[((entry, ""),) if isinstance(entry, str) else entry for entry in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = [*zip(*self.rows, strict=True)] or [()] * len(self.heads)
        texts = [
            {*head, *(text for entry in column for text, _ in entry)}
            for head, column in zip(self.heads, columns, strict=True)
        ]
        widths = [max(map(_width, column)) for column in texts]
        available = options.max_width - 2
        gap = next((gap for gap in (2, 1) if sum(widths) + gap * (len(widths) - 1) <= available), 0)
        if gap or len(self.rows) >= MAX_FOLDED_ROWS:
            yield from self._segments(console, widths, gap or 1)
            return
        longest_words = [max(_width(word) for text in column for word in (text.split() or [""])) for column in texts]
        words_fit = sum(longest_words) + len(longest_words) - 1 <= available
        yield self.folded([words_fit and word == width for word, width in zip(longest_words, widths, strict=True)])

    def _segments(self, console: Console, widths: Sequence[int], gap: int) -> Iterator[Segment]:
        total, columns = sum(widths) + gap * (len(widths) - 1) + 2, [*zip(widths, self.sides, strict=True)]
        styles = {style: console.get_style(style) for row in self.rows for entry in row for _, style in entry if style}
        styles["head"] = console.get_style("table.header")
        yield Segment(" " * total + "\n")
        for names in [*zip_longest(*(reversed(head) for head in self.heads), fillvalue="")][::-1]:
            yield from _line([(name, name and "head") for name in names], columns, styles, gap)
        yield Segment(f" {'─' * (total - 2)} \n")
        for row in self.rows:
            for parts in zip_longest(*row, fillvalue=("", "")):
                yield from _line(parts, columns, styles, gap)
        yield Segment(" " * total + "\n")

    def folded(self, whole: Sequence[bool], gap: int = 1) -> Table:
        """Return the same as rich's table, which folds long texts except in the columns that are `whole`."""
        table = plain_table(compact=True)
        table.padding = (0, gap - 1, 0, gap - 1)
        for head, side, is_whole in zip(self.heads, self.sides, whole, strict=True):
            table.add_column(Text("\n".join(head)), justify=side, overflow="fold", no_wrap=is_whole)
        for row in self.rows:
            table.add_row(*(Text("\n").join(Text(text, style) for text, style in entry) for entry in row))
        return table


def _line(
    parts: Iterable[tuple[str, str]], columns: Iterable[tuple[int, Side]], styles: Mapping[str, Style], gap: int
) -> Iterator[Segment]:
    """Yield a line of the table in as few segments as there are changes of style.

    Args:
        parts: a text and its style per column.
        columns: width and side of each column.
        styles: by name.
        gap: spaces between columns.

    """
    plain, between = " ", " " * gap
    for (text, style), (width, side) in zip(parts, columns, strict=True):
        padding = " " * (width - _width(text))
        plain += padding if side == "right" else ""
        if style:
            yield Segment(plain)
            yield Segment(text, styles[style])
            plain = ""
        else:
            plain += text
        plain += between if side == "right" else padding + between
    yield Segment(f"{plain[: 1 - gap or None]}\n")


def _width(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
