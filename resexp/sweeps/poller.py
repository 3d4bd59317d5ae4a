"""Progress of cells that a cluster trains, from the files that appear on disk."""

import contextlib
import threading
from collections.abc import Sequence
from types import TracebackType

from resexp.cells.callbacks import CallbackFor, CellEnd
from resexp.config.cell import Cell
from resexp.record.index import recorded_result
from resexp.record.store import RESULT, RunDir


class ResultPoller:
    """Context manager that reports each cell as its result appears, in a thread: one CellEnd to its callback.

    A cell that is already done when polling starts is reported at once.
    """

    def __init__(self, cells: Sequence[Cell], callback_for: CallbackFor) -> None:
        self._callback_for = callback_for
        self._pending = {cell.key: (cell, _result_time(cell)) for cell in cells}
        self._interval = max(1.0, len(cells) / 1000)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._poll()

    def _run(self) -> None:
        self._poll(include_old=True)
        while not self._ended.wait(self._interval):
            self._poll()

    def _poll(self, *, include_old: bool = False) -> None:
        for key, (cell, time_before) in [*self._pending.items()]:
            is_new = _result_time(cell) not in (time_before, 0.0)
            if not (is_new or include_old) or RunDir(cell.path).is_locked():  # if unlocked, it also has its verdicts
                continue
            result = recorded_result(cell)
            if is_new or (result.status == "done" and not cell.settings.fresh):
                del self._pending[key]
                self._callback_for(cell)(CellEnd("cell", result, cell.settings.seed_list if is_new else ()))


def _result_time(cell: Cell) -> float:
    """Return when the result file of a cell was last written, 0 if there is none."""
    with contextlib.suppress(OSError):
        return (cell.path / RESULT).stat().st_mtime
    return 0.0
