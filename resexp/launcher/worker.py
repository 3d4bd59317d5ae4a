"""A worker process of the pool: it trains the cells that it receives, and ends with the process that sends them."""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Literal

from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.launcher.resources import WorkerResources

CellExit = Literal["ended", "busy", "stopped"]
"""What a worker sends when it has no cell any more: the cell has a result, another process trains it, or it was
interrupted."""

STOP = "stop"
"""What the pool sends to interrupt a cell."""


def serve(connection: "Connection[object, object]", resources: WorkerResources) -> None:
    """Train cells until one is interrupted.

    Args:
        connection: yields pairs of a cell and whether to wait if another process trains it, and STOP. Training events
            and a CellExit for each cell are sent back.
        resources: what this process may use.

    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the pool sends STOP
    _apply(resources)
    import torch

    from resexp.cells.run import BusyError, train

    torch.set_num_threads(resources.threads)
    stop, cells = Stop(), SimpleQueue[tuple[Cell, bool]]()
    signal.signal(signal.SIGTERM, lambda *_: stop.request())
    threading.Thread(target=_receive, args=(connection, cells, stop), daemon=True).start()
    while True:
        cell, wait = cells.get()
        cell_exit: CellExit = "ended"
        try:
            train(cell, connection.send, stop=stop, isolate=True, wait=wait)
        except BusyError:
            cell_exit = "busy"
        except KeyboardInterrupt:
            cell_exit = "stopped"
        connection.send(cell_exit)
        if cell_exit == "stopped":  # `stop` stays requested: the next cell needs a new process
            return


def _apply(resources: WorkerResources) -> None:
    os.environ.update(resources.environment)
    sys.stdout.flush()
    with resources.log.open("ab") as log:  # output of libraries would garble the pool's display
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    faulthandler.enable()
    if resources.memory is not None:
        with contextlib.suppress(ImportError):  # Windows has no such limits
            import resource

            limit = int(resources.memory * 2**30)
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _receive(connection: "Connection[object, object]", cells: "SimpleQueue[tuple[Cell, bool]]", stop: Stop) -> None:
    try:
        while True:
            message = connection.recv()
            if message == STOP:
                stop.request()
            else:
                cells.put(message)  # type: ignore[arg-type]
    except (EOFError, OSError):  # the pool's process is gone: nobody would receive the result
        os._exit(1)
