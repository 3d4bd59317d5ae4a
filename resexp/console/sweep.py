"""The view of a sweep: on a terminal the matrix as it fills, elsewhere a line per finished cell."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resexp.cells.callbacks import Callback, CellEnd, CellEvent, CellStart, Notice
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.console.matrix import Matrix
from resexp.console.result_text import spread, summary
from resexp.console.terminal import LiveView, console
from resexp.engine.events import Steps
from resexp.formats import duration
from resexp.record.result import CellResult, result_for

MIN_ELAPSED = 3.0
"""Seconds after which the remaining time is estimated."""


@dataclass
class CellProgress:
    """The progress of a cell.

    Attributes:
        cell: the cell.
        result: its result, with the status `waiting` or `running` before it ends.
        role: "reference" while the cell's shallow reference is trained.
        step, steps: of the training in progress.
        loss: the last loss, as text.
        reused: the share of its work that was done before this sweep.

    """

    cell: Cell
    result: CellResult
    role: str = "cell"
    step: int = 0
    steps: int = 1
    loss: str = ""
    reused: float = 0.0

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is left to do in this sweep."""
        return self.result.status not in ("waiting", "running")

    @property
    def done(self) -> float:
        """The share of its work that is done."""
        if self.has_ended:
            return 1.0
        return self.step / self.steps if self.role == "cell" else 0.0


class SweepView(LiveView):
    """The view of a sweep; a context manager around it.

    Args:
        cells: the cells known at the start. `callback_for` adds others.
        stop: the request to stop, which the view shows.
        table: draws the results.
        remaining: the words that follow the estimated time.

    """

    def __init__(
        self,
        cells: Sequence[Cell],
        stop: Stop,
        table: Callable[[list[CellResult]], RenderableType] = Matrix,
        remaining: str = "to go",
    ) -> None:
        self.console, self.stop, self.table, self.remaining = console(), stop, table, remaining
        self.progress: dict[object, CellProgress] = {}
        for cell in cells:
            self._progress_of(cell)
        self.drawn_statuses: list[str] = []
        self.drawn_table: RenderableType = ""
        self.table_height = 0
        self.started = time.monotonic()
        self.live = Live(get_renderable=self.__rich__, console=self.console, refresh_per_second=4, transient=True)

    def _progress_of(self, cell: Cell) -> CellProgress:
        return self.progress.setdefault(cell.key, CellProgress(cell, result_for(cell, "waiting")))

    def _snapshot(self) -> list[CellProgress]:
        """Copy the cells, because a sweeper may add some while the other thread draws."""
        return [*self.progress.values()]

    def callback_for(self, cell: Cell) -> Callback:
        """Return the callback that shows the events of a cell."""
        progress = self._progress_of(cell)

        def on_event(event: CellEvent) -> None:
            match event:
                case CellStart():
                    progress.result = result_for(cell, "running")
                    progress.role, progress.steps, progress.loss = event.role, event.cell.settings.steps, ""
                    progress.step = event.step
                    if event.role == "cell":
                        progress.reused = event.step / progress.steps
                case Steps():
                    progress.step = event.first + len(event.lr_S)
                    progress.loss = f"loss {spread(event.loss_SR[-1].tolist())}"
                case Notice():
                    text = f"{_short_name(cell)}: {event.text}"
                    self.console.print(text, style="yellow", markup=False, soft_wrap=True)
                case CellEnd(role="cell"):
                    self._on_end(progress, event)

        return on_event

    def _on_end(self, progress: CellProgress, event: CellEnd) -> None:
        progress.result = event.result
        if not event.trained and event.result.status == "done":
            progress.reused = 1.0
        if not self.console.is_terminal:
            ended = sum(p.has_ended for p in self._snapshot())
            line = Text(f"[{ended}/{len(self.progress)}] {event.result.name}  ")
            line.append_text(summary(event.result)).append(" (already done)" if progress.reused == 1.0 else "")
            self.console.print(line, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        """Return the current view: the table if there is room, running cells, and a summary."""
        cells, (width, height) = self._snapshot(), self.console.size
        running = [p for p in cells if p.result.status == "running"]
        lines = Table.grid(padding=(0, 2))
        lines.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, width - 50))
        for p in running[: max(1, height // 3)]:
            name = _short_name(p.cell) if p.role == "cell" else f"reference of {_short_name(p.cell)}"
            lines.add_row(name, ProgressBar(p.steps, p.step, width=min(24, width // 6)), f"{p.step}/{p.steps}", p.loss)
        parts: list[RenderableType] = [lines, self._summary(cells)]
        statuses: list[str] = [p.result.status for p in cells]
        if statuses != self.drawn_statuses:  # drawing the table takes milliseconds, four times a second
            self.drawn_statuses, self.drawn_table = statuses, self.table([p.result for p in cells])
            self.table_height = len(self.console.render_lines(self.drawn_table))
        if self.table_height + len(running) + 3 < height:
            parts.insert(0, self.drawn_table)
        return Group(*parts)

    def _summary(self, cells: Sequence[CellProgress]) -> Text:
        counts = Counter(p.result.status for p in cells)
        words = [f"{counts['done']}/{len(cells)} done"]
        words += [f"{counts[s]} {s}" for s in ("running", "failed", "waiting") if counts[s]]
        words.append(duration(time.monotonic() - self.started))
        seconds = self._remaining_seconds(cells)
        words += [f"{duration(seconds)} {self.remaining}"] if seconds is not None else []
        text = Text(" · ".join(words), "bold")
        if self.stop.requested:
            text.append("\nstopping: running cells save and stop; Ctrl-C again stops them at once", "yellow")
        return text

    def _remaining_seconds(self, cells: Sequence[CellProgress]) -> float | None:
        """Extrapolate from the work done in this sweep; None at its start."""
        done = sum(p.cell.work * max(0.0, p.done - p.reused) for p in cells)
        left = sum(p.cell.work * (1 - p.done) for p in cells)
        elapsed = time.monotonic() - self.started
        return elapsed * left / done if done > 0 and elapsed > MIN_ELAPSED else None


def _short_name(cell: Cell) -> str:
    """Return the name of a cell without data set, model and digits."""
    return cell.name.split("/", 1)[1].rsplit("-", 1)[0].replace("/", " ")
