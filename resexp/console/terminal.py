"""What all output to a terminal shares: the console, the style of tables, and live views."""

from collections.abc import Collection
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, OverflowMethod
from rich.live import Live
from rich.table import Table


def console() -> Console:
    """Return a console on stdout: colors on a terminal, plain text elsewhere."""
    return Console(highlight=False)


def print_text(stdout: Console, text: str, style: str = "") -> None:
    """Print text without reading markup in it: wrapped at words on a terminal, in one line elsewhere."""
    stdout.print(text, style=style, markup=False, soft_wrap=not stdout.is_terminal)


def plain_table(
    *columns: str,
    left: Collection[str] = (),
    compact: bool = False,
    overflow: OverflowMethod = "ellipsis",
    caption: str | None = None,
) -> Table:
    """Return an empty table with no lines but one below its head.

    Args:
        columns: heads of the first columns; a caller may add more.
        left: the columns that are aligned left. The others are aligned right.
        compact: whether columns are separated by two spaces instead of three.
        overflow: what happens to a word that is wider than its column.
        caption: a line below the table.

    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=compact, caption=caption)
    for name in columns:
        table.add_column(name, justify="left" if name in left else "right", overflow=overflow)
    return table


class LiveView:
    """A context manager that shows the renderable `live` while it is entered, on a terminal only."""

    live: Live

    def __enter__(self) -> Self:
        if self.live.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
