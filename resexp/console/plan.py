"""What a command would train, and what that costs. Imports no torch."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from resexp.config.cell import Cell
from resexp.console.terminal import plain_table
from resexp.formats import duration, plural


def plan_table(cells: Sequence[Cell], unfinished: Sequence[Cell]) -> Table:
    """Return a row per cell: how many of its seeds are done, and how many are to be trained.

    Args:
        cells: all cells of a command.
        unfinished: those of them that are not done, with the seeds that are missing.

    """
    caption = f"{plural(len(cells), 'cell')}, {len(unfinished)} to train"
    table = plain_table("cell", "seeds", left=("cell", "seeds"), overflow="fold", caption=caption)
    missing_seeds = {str(cell.path): cell.settings.seed_list for cell in unfinished}
    for cell in cells:
        missing, total = len(missing_seeds.get(str(cell.path), ())), len(cell.settings.seed_list)
        parts = [Text(f"{missing} to train", "cyan")] if missing else []
        parts += [Text(f"{total - missing} done", "green")] if missing < total else []
        table.add_row(cell.name, Text(", ").join(parts))
    return table


def estimate_text(seconds: float, memory: int, workers: int, threads: int) -> str:
    """Return an estimate in one line; `memory` in bytes per worker."""
    worker = f"{plural(threads, 'thread')} and up to {memory / 2**30:.1f} GB of memory each"
    return f"estimate: {duration(seconds)} on {plural(workers, 'worker')} with {worker}"
