"""How a training is asked to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Asked once, a training saves a checkpoint and ends; asked again, or before it can save, it ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self.can_save = False

    def request(self) -> None:
        """Ask once."""
        self.requested = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask, in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._signalled) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if self.requested or not self.can_save:
            raise KeyboardInterrupt
        self.request()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Within, a training looks after every step whether it is asked to stop."""
        self.can_save = True
        try:
            yield
        finally:
            self.can_save = False
