"""One cell: skip what is done, train what is missing, catch what fails, record."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from filelock import Timeout

from resexp.build import check_available, load_data
from resexp.cells.callbacks import Callback, CellEnd, CellWait, Notice
from resexp.cells.checkpoints import Checkpoint, Checkpoints
from resexp.cells.interrupt import Stop
from resexp.cells.job import Job, PackTooLargeError
from resexp.cells.reference import measure_reference
from resexp.cells.tensorboard import write_summary
from resexp.config.cell import Cell
from resexp.config.errors import InputError, located_error_text
from resexp.data.dataset import Data
from resexp.record.result import CellResult, missing_seeds, result_for
from resexp.record.store import LOCK, RunDir

TICK = 0.5
"""Seconds between looks, while another process holds the lock, at whether to stop."""


class BusyError(Exception):
    """Another process trains this cell, and we were not to wait for it."""


def train(
    cell: Cell,
    on_event: Callback = lambda event: None,
    *,
    stop: Stop | None = None,
    isolate: bool = False,
    wait: bool = True,
) -> CellResult:
    """Train the seeds of a cell that are not yet done, and record them.

    A fault becomes a result with status "failed". Raises KeyboardInterrupt, after a checkpoint, when asked to stop;
    InputError, before anything is written, where the data, a class or the device are not to be had; with `isolate`, as
    in a sweep, that is a failed result too; BusyError, unless it is to `wait`, where another process trains it.
    """
    stop = stop or Stop()
    try:
        return _Training(on_event, stop, wait)(cell, "cell")
    except BusyError:
        raise
    except InputError as error:
        if not isolate:
            raise
        result = result_for(cell, "failed", error=str(error))
    except Exception as error:
        result = result_for(cell, "failed", error=located_error_text(error))
    with contextlib.suppress(OSError):
        RunDir(cell.path).fail(cell, result)
    on_event(CellEnd("cell", result, ()))
    return result


class _Training:
    """Brings a cell up to what is asked for; so, too, the references that judge it."""

    def __init__(self, on_event: Callback, stop: Stop, wait: bool) -> None:
        self.on_event, self.stop, self.wait = on_event, stop, wait

    def __call__(self, cell: Cell, role: str, data: Data | None = None) -> CellResult:
        directory = RunDir(cell.path)
        result = _done(cell, directory)
        trained: tuple[int, ...] = ()
        if result is None or missing_seeds(cell, result) or _unjudged(result, role):
            check_available(cell)
            data = data or load_data(cell)
            made = [path for path in (directory.path, *directory.path.parents) if not path.exists()]
            directory.path.mkdir(parents=True, exist_ok=True)
            try:
                with self._lock(directory, role):
                    trained = missing_seeds(cell, _done(cell, directory))
                    result = self._train_missing(cell, role, data)
            except InputError:  # which only building shows
                _remove_empty_dirs(made)
                raise
        assert result
        asked = replace(result, replicates=[r for r in result.replicates if r.seed in cell.settings.seed_list])
        self.on_event(CellEnd(role, asked, trained))
        return asked

    @contextlib.contextmanager
    def _lock(self, directory: RunDir, role: str) -> Iterator[None]:
        lock, told = directory.lock(), False
        while not lock.is_locked:
            try:
                lock.acquire(timeout=TICK * told)
            except Timeout:
                if not self.wait and role == "cell":
                    raise BusyError from None
                if self.stop.requested:
                    raise KeyboardInterrupt from None
                if not told:
                    self.on_event(CellWait(directory.path))
                told = True
        try:
            yield
        finally:
            lock.release()

    def _train_missing(self, cell: Cell, role: str, data: Data) -> CellResult | None:
        """Train what is missing of a cell whose lock is held, then measure its bar."""
        directory, checkpoints = RunDir(cell.path), Checkpoints(cell)
        result = _done(cell, directory)
        earlier = directory.steps() if result and missing_seeds(cell, result) else None
        if earlier is None and missing_seeds(cell, result):
            result = None  # what was done has lost its steps
        missing = missing_seeds(cell, result)
        start, notes = _checkpoint(cell, directory, missing)
        for note in [*notes, *_again(cell, result, missing)]:
            self.on_event(Notice(note))
        if start is None:
            checkpoints.clear()
        first = start.seeds if start else missing
        packs = [pack for pack in (first, tuple(s for s in missing if s not in first)) if pack]
        while packs:
            seeds, *packs = packs
            try:
                result = Job(cell, seeds, result, earlier, start, role, self.on_event, self.stop, notes).run(data)
            except PackTooLargeError as error:
                checkpoints.clear()
                halves = seeds[: len(seeds) // 2], seeds[len(seeds) // 2 :]
                packs = [*halves, *packs]
                notes = [*notes, f"seeds {_listed(seeds)} did not fit in one pack, so went in two ({error})"]
                self.on_event(Notice(notes[-1]))
            else:
                if result.status != "done":
                    return result
                notes, earlier = [], directory.steps()
            start = None
        if result and _unjudged(result, role):
            reference = measure_reference(cell, data, lambda shallow: self(shallow, "reference", data))
            result = replace(result, reference=reference)
            directory.close(result)
            write_summary(directory.path, cell, result)
        return result


def _remove_empty_dirs(made: Sequence[Path]) -> None:
    """Remove the directories that were made, a run directory and those above it, as far as they are empty."""
    with contextlib.suppress(OSError):
        for path in made:
            (path / LOCK).unlink(missing_ok=True)
            path.rmdir()


def _checkpoint(cell: Cell, directory: RunDir, seeds: tuple[int, ...]) -> tuple[Checkpoint | None, list[str]]:
    """Return the checkpoint from which some of `seeds` resume, and a line for each file that was set aside."""
    start, notes = Checkpoints(cell).latest(seeds)
    if directory.has_damaged_result():
        notes.append(directory.set_damaged_result_aside())
    return None if cell.settings.fresh else start, notes


def _again(cell: Cell, result: CellResult | None, missing: tuple[int, ...]) -> list[str]:
    """A line, where seeds are trained again only to be looked into."""
    again = tuple(r.seed for r in result.replicates if r.seed in missing) if result and not cell.settings.fresh else ()
    level = cell.choices["diagnostics"]
    return [f"seeds {_listed(again)} are trained again: diagnostics={level} was not recorded"] if again else []


def _listed(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))


def _done(cell: Cell, directory: RunDir) -> CellResult | None:
    """Return the result of the cell if it is done. Raises InputError if the directory holds something else."""
    if obstacle := directory.obstacle(cell.id, fresh=cell.settings.fresh):
        raise InputError(obstacle)
    result = directory.result(Path(cell.settings.outputs))
    return result if result is not None and result.status == "done" else None


def _unjudged(result: CellResult, role: str) -> bool:
    """Whether a done cell still lacks the bar of today's rules; a reference needs none."""
    return role == "cell" and result.status == "done" and not result.is_judged
