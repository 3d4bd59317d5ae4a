"""A pool of processes that train cells. Each has its own pipe, so that one that dies costs only its own cell."""

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from resexp.cells.callbacks import CallbackFor, CellEnd, CellStart, CellWait
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.launcher.processes import exit_text, hidden_main, preload, process_context
from resexp.launcher.resources import WorkerResources
from resexp.launcher.worker import STOP, serve
from resexp.record.result import result_for
from resexp.record.store import RunDir

POLL_SECONDS = 0.2
"""How long to wait for messages before the timeout and `stop` are checked again."""


@dataclass
class Worker:
    """A worker process.

    Attributes:
        process: the process.
        pipe: the pool's end of its pipe.
        cell: the cell that it trains, if any.
        started: when training began, on the monotonic clock; None while it waits for another process.
        is_stopping: whether STOP was sent.

    """

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    cell: Cell | None = None
    started: float | None = None
    is_stopping: bool = False


@dataclass
class Pool:
    """Trains cells on worker processes.

    Attributes:
        resources: of each worker, and so the number of workers.
        timeout: seconds that a cell may take; None is no limit.
        callback_for: returns the callback of a cell.
        stop: a request to stop.

    """

    resources: Sequence[WorkerResources]
    timeout: float | None
    callback_for: CallbackFor
    stop: Stop

    def run(self, cells: Sequence[Cell]) -> None:
        """Train cells, the largest first; those that other processes are training come last.

        Raises:
            KeyboardInterrupt: a stop was requested. After one request running cells save a checkpoint and end; a second
                one kills them.

        """
        self.waiting = deque(sorted(cells, key=lambda cell: -cell.work))
        self.trained_elsewhere: deque[Cell] = deque()
        self.workers: dict[int, Worker] = {}
        try:
            with self.stop.saving(), self.stop.on_signals():
                while self._assign_cells():
                    self._receive()
                    self._enforce_timeout()
        finally:
            for worker in self.workers.values():
                worker.process.kill()
                worker.process.join()
        if self.stop.requested:
            raise KeyboardInterrupt

    def _assign_cells(self) -> bool:
        """Give each idle worker a cell, and return whether any worker has one."""
        if self.stop.requested:
            self._stop_workers()
        for index, resources in enumerate(self.resources):
            if self.stop.requested or not (self.waiting or self.trained_elsewhere):
                break
            worker = self.workers.get(index)
            if worker is None:
                worker = self.workers[index] = _start_worker(resources)
            if worker.cell is None:
                wait_for_lock = not self.waiting  # only cells of other processes are left
                queue = self.trained_elsewhere if wait_for_lock else self.waiting
                worker.cell, worker.started = queue.popleft(), time.monotonic()
                with contextlib.suppress(OSError):  # it has just died, which _receive notices
                    worker.pipe.send((worker.cell, wait_for_lock))
        return any(worker.cell for worker in self.workers.values())

    def _stop_workers(self) -> None:
        self.waiting.clear()
        self.trained_elsewhere.clear()
        for worker in self.workers.values():
            if worker.cell and not worker.is_stopping:
                worker.is_stopping = True
                with contextlib.suppress(OSError):
                    worker.pipe.send(STOP)

    def _receive(self) -> None:
        """Handle a message of each worker that has sent one, and the death of workers."""
        indices = {worker.pipe: index for index, worker in self.workers.items()}
        for pipe in wait([*indices], timeout=POLL_SECONDS):
            index = indices[pipe]  # type: ignore[index]
            worker = self.workers[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._handle_dead_worker(index, None)
                continue
            if message in ("ended", "busy", "stopped"):
                self._release(index, message)
                continue
            if isinstance(message, CellStart | CellWait):
                worker.started = time.monotonic() if isinstance(message, CellStart) else None
            if worker.cell:
                self.callback_for(worker.cell)(message)

    def _release(self, index: int, cell_exit: str) -> None:
        """Take the cell from a worker that is done with it; put it back if it has no result."""
        worker = self.workers[index]
        if cell_exit == "busy" and worker.cell:
            self.trained_elsewhere.append(worker.cell)
        if cell_exit == "stopped" and worker.cell and not self.stop.requested:
            self.waiting.append(worker.cell)  # only the worker got a signal, not the pool
        worker.cell = None
        if cell_exit == "stopped":  # its process ends
            self._handle_dead_worker(index, None)

    def _enforce_timeout(self) -> None:
        for index, worker in [*self.workers.items()]:
            if not (self.timeout and worker.cell and worker.started) or worker.is_stopping:
                continue
            if time.monotonic() - worker.started > self.timeout:
                self._handle_dead_worker(index, f"took longer than hydra.launcher.timeout={self.timeout:g} s")

    def _handle_dead_worker(self, index: int, error: str | None) -> None:
        """Remove a worker that has died, or kill it because of `error`, and record the failure of its cell, if any."""
        worker = self.workers.pop(index)
        if error:
            worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        cell = worker.cell
        if cell is None or (self.stop.requested and not error):
            return
        error = error or exit_text(worker.process.exitcode, self.resources[index].log)
        result = result_for(cell, "failed", error=error)
        with contextlib.suppress(OSError):
            RunDir(cell.path).fail(cell, result)
        self.callback_for(cell)(CellEnd("cell", result, ()))


def _start_worker(resources: WorkerResources) -> Worker:
    preload()
    pool_end, worker_end = process_context().Pipe()
    process = process_context().Process(target=serve, args=(worker_end, resources), daemon=True)  # type: ignore[attr-defined]
    with hidden_main():
        process.start()
    worker_end.close()
    return Worker(process, pool_end)
