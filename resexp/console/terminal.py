"""What a view that moves has: it is drawn while it is entered, on a terminal alone."""

from types import TracebackType
from typing import Self

from rich.live import Live


class LiveView:
    """A context manager around what it shows; a subclass sets `live`."""

    live: Live

    def __enter__(self) -> Self:
        if self.live.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()
