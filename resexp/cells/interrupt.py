"""Requests to stop a training."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """A request to stop, also by SIGINT or SIGTERM.

    After the first request a training saves a checkpoint and ends. After the second, or if it cannot save yet, it ends
    at once.
    """

    def __init__(self) -> None:
        self.requested = False
        self.can_save = False

    def request(self) -> None:
        """Request a stop after the next checkpoint."""
        self.requested = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM request a stop; does nothing outside the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.can_save:
            raise KeyboardInterrupt
        self.request()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Mark a block in which the training checks `requested` after every step."""
        self.can_save = True
        try:
            yield
        finally:
            self.can_save = False
