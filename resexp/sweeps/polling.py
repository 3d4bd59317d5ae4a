"""Progress of cells that a cluster trains, as far as the files that they leave behind show it."""

import contextlib
import threading
from collections.abc import Iterator

from resexp.cells.callbacks import CellEnd
from resexp.config.cell import Cell
from resexp.record.index import recorded_result
from resexp.record.store import RESULT, RunDir
from resexp.sweeps.job import CallbackFor


@contextlib.contextmanager
def polling(cells: list[Cell], callback_for: CallbackFor) -> Iterator[None]:
    """Look, while a cluster works, which of `cells` have ended, and tell those who watch."""

    def written(cell: Cell) -> float:
        with contextlib.suppress(OSError):
            return (cell.path / RESULT).stat().st_mtime
        return 0.0

    over, waiting = threading.Event(), {cell.key: (cell, written(cell)) for cell in cells}

    def look(*, first: bool = False) -> None:
        for key, (cell, old) in [*waiting.items()]:
            is_new = written(cell) not in (old, 0.0)
            if (is_new or first) and not RunDir(cell.path).is_locked():  # then its bar is known, too
                result = recorded_result(cell)
                if is_new or (result.status == "done" and not cell.settings.fresh):
                    del waiting[key]
                    callback_for(cell)(CellEnd("cell", result, cell.settings.seed_list if is_new else ()))

    def until_over() -> None:
        look(first=True)
        while not over.wait(max(1.0, len(cells) / 1000)):
            look()

    thread = threading.Thread(target=until_over, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look()
