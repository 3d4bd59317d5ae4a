"""A process of the pool: trains the cells that it is sent, and ends with the process that sends them."""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Literal

from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell

End = Literal["ended", "busy", "stopped"]
"""What a worker says when it is free again: the cell ended, is trained elsewhere, or was asked to stop."""

STOP = "stop"


@dataclass(frozen=True)
class Place:
    """Where a worker computes: CPU threads, gigabytes of private memory at most, environment, and its log."""

    threads: int
    memory: float | None
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


def serve(connection: "Connection[object, object]", place: Place) -> None:
    """Train the cells that come through `connection`, each with whether to wait for it; what happens goes back."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the pool tells us what to do
    _settle(place)
    import torch

    from resexp.cells.run import BusyError, train

    torch.set_num_threads(place.threads)
    stop, cells = Stop(), SimpleQueue[tuple[Cell, bool]]()
    signal.signal(signal.SIGTERM, lambda *_: stop.request())
    threading.Thread(target=_listen, args=(connection, cells, stop), daemon=True).start()
    while True:
        cell, wait = cells.get()
        end: End = "ended"
        try:
            train(cell, connection.send, stop=stop, isolate=True, wait=wait)
        except BusyError:
            end = "busy"
        except KeyboardInterrupt:
            end = "stopped"
        connection.send(end)
        if end == "stopped":  # the next cell is for a process that was not asked to stop
            return


def _settle(place: Place) -> None:
    os.environ.update(place.environment)
    sys.stdout.flush()
    with place.log.open("ab") as log:  # what a library prints would break the view
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    faulthandler.enable()
    if place.memory is not None:
        with contextlib.suppress(ImportError):  # there are no such limits on Windows
            import resource

            most = int(place.memory * 2**30)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _listen(connection: "Connection[object, object]", cells: "SimpleQueue[tuple[Cell, bool]]", stop: Stop) -> None:
    try:
        while True:
            message = connection.recv()
            if message == STOP:
                stop.request()
            else:
                cells.put(message)  # type: ignore[arg-type]
    except (EOFError, OSError):  # whoever sent us cells is gone, and would not learn what became of them
        os._exit(1)
