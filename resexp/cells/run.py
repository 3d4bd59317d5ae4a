"""Train a cell: skip seeds that are done, train the missing ones, turn failures into results, measure the reference."""

import contextlib
import glob
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import Timeout

from resexp.build import check_available, load_data
from resexp.cells.callbacks import Callback, CellEnd, CellWait, Notice
from resexp.cells.checkpoints import Checkpoint, Checkpoints
from resexp.cells.interrupt import Stop
from resexp.cells.pack_training import PackTooLargeError, PackTraining
from resexp.cells.reference import measure_reference
from resexp.cells.tensorboard import write_summary
from resexp.config.cell import Cell
from resexp.config.errors import InputError, located_error_text
from resexp.config.fingerprint import SCHEMA
from resexp.config.names import ID_DIGITS
from resexp.data.dataset import Data
from resexp.record.result import CellResult, missing_seeds, result_for
from resexp.record.store import LOCK, RunDir

POLL_SECONDS = 0.5
"""Seconds between checks for a request to stop, while another process holds the lock."""

Seeds = tuple[int, ...]


class BusyError(Exception):
    """Another process trains this cell, and the caller does not wait for it."""


def train(
    cell: Cell,
    on_event: Callback = lambda event: None,
    *,
    stop: Stop | None = None,
    isolate: bool = False,
    wait: bool = True,
) -> CellResult:
    """Train the seeds of a cell that are not done yet, and record them. A failure becomes a result.

    Args:
        cell: the cell.
        on_event: called with each event of the training.
        stop: lets the caller request a stop.
        isolate: whether bad input also becomes a failed result, as in a sweep.
        wait: whether to wait if another process trains the cell.

    Raises:
        InputError: data, a class or the device are not available, or the run directory holds what must not be
            overwritten. Nothing was written. Not raised with `isolate`.
        KeyboardInterrupt: a stop was requested; a checkpoint was saved.
        BusyError: another process trains the cell, and `wait` is false.

    """
    stop = stop or Stop()
    try:
        return _CellTraining(on_event, stop, wait)(cell, "cell")
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


class _CellTraining:
    """Trains the missing seeds of a cell, and of the references that set its target loss."""

    def __init__(self, on_event: Callback, stop: Stop, wait: bool) -> None:
        self.on_event, self.stop, self.wait = on_event, stop, wait

    def __call__(self, cell: Cell, role: str, data: Data | None = None) -> CellResult:
        directory = RunDir(cell.path)
        result = _done_result(cell, directory)
        trained: Seeds = ()
        if result is None or missing_seeds(cell, result) or _lacks_reference(result, role):
            check_available(cell)
            data = data or load_data(cell)
            new_dirs = [path for path in (directory.path, *directory.path.parents) if not path.exists()]
            directory.path.mkdir(parents=True, exist_ok=True)
            try:
                with self._lock(directory, role):
                    trained = missing_seeds(cell, _done_result(cell, directory))
                    result = self._train_missing(cell, role, data)
            except InputError:  # found only when the network is built
                _remove_empty_dirs(new_dirs)
                raise
        assert result
        requested = replace(result, replicates=[r for r in result.replicates if r.seed in cell.settings.seed_list])
        self.on_event(CellEnd(role, requested, trained))
        return requested

    @contextlib.contextmanager
    def _lock(self, directory: RunDir, role: str) -> Iterator[None]:
        """Hold the lock of a run directory. Raises BusyError or KeyboardInterrupt instead of waiting for it."""
        lock, is_waiting = directory.lock(), False
        while not lock.is_locked:
            try:
                lock.acquire(timeout=POLL_SECONDS * is_waiting)
            except Timeout:
                if not self.wait and role == "cell":
                    raise BusyError from None
                if self.stop.requested:
                    raise KeyboardInterrupt from None
                if not is_waiting:
                    self.on_event(CellWait(directory.path))
                is_waiting = True
        try:
            yield
        finally:
            lock.release()

    def _train_missing(self, cell: Cell, role: str, data: Data) -> CellResult | None:
        """Train the missing seeds of a cell whose lock is held, then measure its reference if it lacks one."""
        directory = RunDir(cell.path)
        result = _done_result(cell, directory)
        steps = directory.steps() if result and missing_seeds(cell, result) else None
        if steps is None and missing_seeds(cell, result):
            result = None  # without their steps the trained seeds cannot be kept
        if missing := missing_seeds(cell, result):
            result = self._train_packs(cell, role, data, result, steps, missing)
        if result and _lacks_reference(result, role):
            reference = measure_reference(cell, data, lambda shallow: self(shallow, "reference", data))
            result = replace(result, reference=reference)
            directory.close(result)
            write_summary(directory.path, cell, result)
        return result

    def _train_packs(
        self,
        cell: Cell,
        role: str,
        data: Data,
        result: CellResult | None,
        steps: dict[str, Any] | None,
        seeds: Seeds,
    ) -> CellResult | None:
        """Train `seeds` in one pack, or in more if there is a checkpoint of some or they do not fit in memory.

        Args:
            cell: the cell.
            role: "cell" or "reference".
            data: its data.
            result: the result of the seeds that are already trained, if there are any.
            steps: the columns of their step file.
            seeds: the seeds to train.

        """
        directory, checkpoints = RunDir(cell.path), Checkpoints(cell)
        checkpoint, notes = _load_checkpoint(cell, directory, seeds)
        for note in [*notes, *_retraining_notes(cell, result, seeds)]:
            self.on_event(Notice(note))
        if checkpoint is None:
            checkpoints.clear()
        first = checkpoint.seeds if checkpoint else seeds
        packs = [pack for pack in (first, tuple(s for s in seeds if s not in first)) if pack]
        while packs:
            pack, *packs = packs
            try:
                training = PackTraining(cell, pack, result, steps, checkpoint, role, self.on_event, self.stop, notes)
                result = training.run(data)
            except PackTooLargeError as error:
                checkpoints.clear()
                packs = [pack[: len(pack) // 2], pack[len(pack) // 2 :], *packs]
                notes = [*notes, f"seeds {_list_text(pack)} do not fit in one pack; trained in two ({error})"]
                self.on_event(Notice(notes[-1]))
            else:
                if result.status != "done":
                    return result
                notes, steps = [], directory.steps()
            checkpoint = None
        return result


def _remove_empty_dirs(paths: Sequence[Path]) -> None:
    """Remove a run directory and directories above it, as far as they are empty."""
    with contextlib.suppress(OSError):
        for path in paths:
            (path / LOCK).unlink(missing_ok=True)
            path.rmdir()


def _load_checkpoint(cell: Cell, directory: RunDir, seeds: Seeds) -> tuple[Checkpoint | None, list[str]]:
    """Return the checkpoint from which some of `seeds` resume, and a line for each file that was set aside."""
    checkpoint, notes = Checkpoints(cell).latest(seeds)
    if directory.has_damaged_result():
        notes.append(directory.set_damaged_result_aside())
    if cell.settings.fresh or checkpoint is None:
        return None, [*notes, *_earlier_checkpoint_notes(cell)]
    return checkpoint, notes


def _earlier_checkpoint_notes(cell: Cell) -> list[str]:
    """Return a line for each checkpoint of the same configuration under an earlier schema, in a directory beside it."""
    prefix, identity_key = cell.path.name[:-ID_DIGITS], result_for(cell, "waiting").identity_key
    notes = []
    for file in sorted(cell.path.parent.glob(f"{glob.escape(prefix)}*/checkpoint-*.pt")):
        result = RunDir(file.parent).result()
        if result and result.schema < SCHEMA and result.identity_key == identity_key:
            name = f"{file.parent.name}/{file.name}"
            notes.append(f"not resumed from {name}: its schema is {result.schema}, expected {SCHEMA}")
    return notes


def _retraining_notes(cell: Cell, result: CellResult | None, missing: Seeds) -> list[str]:
    """Return a line if seeds are trained again only because their diagnostics were not recorded."""
    if result is None or cell.settings.fresh:
        return []
    again = tuple(r.seed for r in result.replicates if r.seed in missing)
    level = cell.choices["diagnostics"]
    return [f"seeds {_list_text(again)} are trained again: diagnostics={level} was not recorded"] if again else []


def _list_text(seeds: Seeds) -> str:
    return ", ".join(map(str, seeds))


def _done_result(cell: Cell, directory: RunDir) -> CellResult | None:
    """Return the result of the cell if it is done. Raises InputError if the directory holds something else."""
    if obstacle := directory.obstacle(cell.id, fresh=cell.settings.fresh):
        raise InputError(obstacle)
    result = directory.result(Path(cell.settings.outputs))
    return result if result is not None and result.status == "done" else None


def _lacks_reference(result: CellResult, role: str) -> bool:
    """Whether a done cell lacks a reference measured by today's rules. A reference itself needs none."""
    return role == "cell" and result.status == "done" and not result.is_judged
