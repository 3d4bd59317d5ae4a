"""Cells on a pool of processes, each on a pipe of its own: one that dies costs its own cell and nothing else."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from resexp.cells.callbacks import Callback, CellEnd, CellStart, CellWait
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.launcher.worker import STOP, Place, serve
from resexp.record.result import result_for
from resexp.record.store import RunDir

TICK = 0.2
"""Seconds between looks at the clock and at the signals."""


@dataclass
class Worker:
    """A process, the end of its pipe, and its cell, trained since a moment of the monotonic clock.

    While it waits for another process there is no such moment. `asked`: to stop.
    """

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    cell: Cell | None = None
    since: float | None = None
    asked: bool = False


@dataclass
class Pool:
    """Trains cells on a process per place; `timeout` is in seconds a cell. `callback_for` gives each cell its watch."""

    places: Sequence[Place]
    timeout: float | None
    callback_for: Callable[[Cell], Callback]
    stop: Stop

    def run(self, cells: Sequence[Cell]) -> None:
        """Train cells, the longest first; those that other processes train come last.

        Raises KeyboardInterrupt when asked to stop: once, running cells save and end; twice, they are killed.
        """
        self.fresh = deque(sorted(cells, key=lambda cell: -cell.work))
        self.busy: deque[Cell] = deque()
        self.workers: dict[int, Worker] = {}
        try:
            with self.stop.saving(), self.stop.on_signals():
                while self._hand_out():
                    self._listen()
                    self._check_time()
        finally:
            for worker in self.workers.values():
                worker.process.kill()
                worker.process.join()
        if self.stop.requested:
            raise KeyboardInterrupt

    def _hand_out(self) -> bool:
        """Give every idle place a cell; whether anything is going on."""
        if self.stop.requested:
            self._ask_to_stop()
        for index, place in enumerate(self.places):
            if self.stop.requested or not (self.fresh or self.busy):
                break
            worker = self.workers.get(index)
            if worker is None:
                worker = self.workers[index] = _start(place)
            if worker.cell is None:
                patient = not self.fresh  # nothing else is left to do
                worker.cell, worker.since = (self.busy if patient else self.fresh).popleft(), time.monotonic()
                with contextlib.suppress(OSError):  # it has just died: _listen finds out
                    worker.pipe.send((worker.cell, patient))
        return any(worker.cell for worker in self.workers.values())

    def _ask_to_stop(self) -> None:
        self.fresh.clear()
        self.busy.clear()
        for worker in self.workers.values():
            if worker.cell and not worker.asked:
                worker.asked = True
                with contextlib.suppress(OSError):
                    worker.pipe.send(STOP)

    def _listen(self) -> None:
        """Take what the workers say, and notice those that died."""
        pipes = {worker.pipe: index for index, worker in self.workers.items()}
        for pipe in wait([*pipes], timeout=TICK):
            index = pipes[pipe]  # type: ignore[index]
            worker = self.workers[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._handle_dead_worker(index, None)
                continue
            if message not in ("ended", "busy", "stopped"):
                if isinstance(message, CellStart | CellWait):
                    worker.since = time.monotonic() if isinstance(message, CellStart) else None
                if worker.cell:
                    self.callback_for(worker.cell)(message)
                continue
            if message == "busy" and worker.cell:
                self.busy.append(worker.cell)
            if message == "stopped" and worker.cell and not self.stop.requested:
                self.fresh.append(worker.cell)  # somebody asked that process, not us
            worker.cell = None
            if message == "stopped":  # it ends
                self._handle_dead_worker(index, None)

    def _check_time(self) -> None:
        for index, worker in [*self.workers.items()]:
            since = worker.since
            if self.timeout and worker.cell and since and not worker.asked and time.monotonic() - since > self.timeout:
                self._handle_dead_worker(index, f"took longer than hydra.launcher.timeout={self.timeout:g} s")

    def _handle_dead_worker(self, index: int, error: str | None) -> None:
        """Record what became of the cell of a worker that died, or, with an `error`, has to."""
        worker = self.workers.pop(index)
        if error:
            worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        cell = worker.cell
        if cell is None or (self.stop.requested and not error):
            return
        result = result_for(cell, "failed", error=error or _death(worker.process.exitcode, self.places[index]))
        with contextlib.suppress(OSError):
            RunDir(cell.path).fail(cell, result)
        self.callback_for(cell)(CellEnd("cell", result, ()))


def context() -> BaseContext:
    """How processes start: on Linux forked from one that has imported torch, elsewhere afresh."""
    method = "forkserver" if sys.platform == "linux" else "spawn"
    if multiprocessing.get_start_method(allow_none=True) not in (None, *multiprocessing.get_all_start_methods()):
        multiprocessing.set_start_method(method, force=True)  # joblib's own, which a new process would not know
    made = multiprocessing.get_context(method)
    if sys.platform == "linux":
        made.set_forkserver_preload(["resexp.launcher.warm"])
    return made


@cache
def warm() -> None:
    """Begin to import, in the process that workers are forked from, what they need; it takes seconds."""
    if context().get_start_method() != "forkserver":
        return
    from multiprocessing import forkserver

    is_main = threading.current_thread() is threading.main_thread()  # no other may say what a signal does
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if is_main else None
    try:
        forkserver.ensure_running()  # it inherits that: Ctrl-C reaches the whole group
    finally:
        if is_main:
            signal.signal(signal.SIGINT, before)


def _start(place: Place) -> Worker:
    warm()
    ours, theirs = context().Pipe()
    process = context().Process(target=serve, args=(theirs, place), daemon=True)  # type: ignore[attr-defined]
    with no_main():
        process.start()
    theirs.close()
    return Worker(process, ours)


@contextlib.contextmanager
def no_main() -> Iterator[None]:
    """A worker needs nothing of the program that started it: it must not import, let alone run, that again."""
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    main.__spec__ = None
    if file is not None:
        del main.__file__
    try:
        yield
    finally:
        main.__spec__ = spec
        if file is not None:
            main.__file__ = file


def _death(code: int | None, place: Place) -> str:
    """The end of a process in words."""
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}; see {os.path.relpath(place.log)}"
    return f"its process ended with exit code {code}; see {os.path.relpath(place.log)}"
