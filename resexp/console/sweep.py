"""The view of a sweep: on a terminal the matrix as it fills, elsewhere a line per cell that has ended."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from resexp.cells.callbacks import Callback, CellEnd, CellStart, CellWait, Notice
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.console import tables
from resexp.console.matrix import Matrix
from resexp.console.terminal import LiveView
from resexp.engine.events import Event, Steps
from resexp.formats import duration
from resexp.record.result import CellResult, result_for


@dataclass
class Progress:
    """How far a cell is: `loss` is the last that was read, `saved` the share of its work that was done before."""

    cell: Cell
    result: CellResult
    role: str = "cell"
    step: int = 0
    steps: int = 1
    loss: str = ""
    saved: float = 0.0

    @property
    def done(self) -> float:
        """The share of its work that is behind it."""
        if self.result.status not in ("waiting", "running"):
            return 1.0
        return self.step / self.steps if self.role == "cell" else 1.0


class SweepView(LiveView):
    """Watches the cells of a sweep; a context manager around it. It shows whether `stop` was requested.

    `table` shows what the cells have come to; `left` says of what it tells the time to go.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        stop: Stop,
        table: Callable[[list[CellResult]], RenderableType] = Matrix,
        left: str = "to go",
    ) -> None:
        self.console, self.stop, self.table, self.to_go = tables.console(), stop, table, left
        self.cells: dict[object, Progress] = {}
        for cell in cells:
            self._know(cell)
        self.drawn: list[str] = []
        self.matrix: RenderableType = ""
        self.lines = 0
        self.began = time.monotonic()
        self.live = Live(get_renderable=self.__rich__, console=self.console, refresh_per_second=4, transient=True)

    def _know(self, cell: Cell) -> Progress:
        return self.cells.setdefault(cell.key, Progress(cell, result_for(cell, "waiting")))

    @property
    def _all(self) -> list[Progress]:
        """A copy: while a sweeper searches, cells are added as the other thread draws."""
        return [*self.cells.values()]

    def callback_for(self, cell: Cell) -> Callback:
        """What shows the events of a cell."""
        progress = self._know(cell)

        def on_event(event: CellStart | CellWait | Notice | CellEnd | Event) -> None:
            match event:
                case CellStart():
                    progress.result = result_for(cell, "running")
                    progress.role, progress.steps, progress.loss = event.role, event.cell.settings.steps, ""
                    progress.step = event.step
                    if event.role == "cell":
                        progress.saved = event.step / progress.steps
                case Steps():
                    progress.step = event.first + len(event.lr_S)
                    progress.loss = f"loss {tables.spread(event.loss_SR[-1].tolist())}"
                case Notice():
                    self.console.print(f"{_label(cell)}: {event.text}", style="yellow", markup=False, soft_wrap=True)
                case CellEnd(role="cell"):
                    self._end(progress, event)

        return on_event

    def _end(self, progress: Progress, event: CellEnd) -> None:
        progress.result = event.result
        if not event.trained and event.result.status == "done":
            progress.saved = 1.0
        if not self.console.is_terminal:
            count = sum(p.result.status not in ("waiting", "running") for p in self._all)
            line = Text(f"[{count}/{len(self.cells)}] {event.result.name}  ")
            line.append_text(tables.summary(event.result)).append(" (done before)" if progress.saved == 1.0 else "")
            self.console.print(line, soft_wrap=True)

    def __rich__(self) -> RenderableType:
        """The view as it stands."""
        width, height = self.console.size
        running = [p for p in self._all if p.result.status == "running"]
        lines = Table.grid(padding=(0, 2))
        lines.add_column(no_wrap=True, overflow="ellipsis", max_width=max(20, width - 50))
        for p in running[: max(1, height // 3)]:
            what = _label(p.cell) if p.role == "cell" else f"reference of {_label(p.cell)}"
            lines.add_row(what, ProgressBar(p.steps, p.step, width=min(24, width // 6)), f"{p.step}/{p.steps}", p.loss)
        parts: list[RenderableType] = [lines, self._summary()]
        statuses: list[str] = [p.result.status for p in self._all]
        if statuses != self.drawn:  # the matrix takes milliseconds, four times a second
            self.drawn, self.matrix = statuses, self.table([p.result for p in self._all])
            self.lines = len(self.console.render_lines(self.matrix))
        if self.lines + len(running) + 3 < height:
            parts.insert(0, self.matrix)
        return Group(*parts)

    def _summary(self) -> Text:
        counts = Counter(p.result.status for p in self._all)
        words = [f"{counts['done']}/{len(self.cells)} done"]
        words += [f"{counts[s]} {s}" for s in ("running", "failed", "waiting") if counts[s]]
        words.append(duration(time.monotonic() - self.began))
        left = self._left()
        words += [f"{duration(left)} {self.to_go}"] if left is not None else []
        text = Text(" · ".join(words), "bold")
        if self.stop.requested:
            text.append("\nstopping: what runs saves and ends; Ctrl-C again stops it at once", "yellow")
        return text

    def _left(self) -> float | None:
        """Seconds to the end, by the work that this sweep has done so far."""
        parts = [(p.cell.work, p.done, p.saved) for p in self._all]
        done = sum(work * max(0.0, share - saved) for work, share, saved in parts)
        left = sum(work * (1 - share) for work, share, _ in parts)
        elapsed = time.monotonic() - self.began
        return elapsed * left / done if done > 0 and elapsed > 3 else None


def _label(cell: Cell) -> str:
    """The end of a cell's name, without its digits."""
    return cell.name.split("/", 1)[1].rsplit("-", 1)[0].replace("/", " ")
