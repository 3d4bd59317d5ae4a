"""The view of one cell in training: on a terminal a live one, elsewhere plain lines."""

import time

import numpy as np
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from resexp.cells.callbacks import CellEnd, CellStart, CellWait, Notice
from resexp.console import tables
from resexp.console.sparkline import Sparkline
from resexp.console.terminal import LiveView
from resexp.engine.events import End, Event, Layers, Steps, Validation
from resexp.formats import accuracy_text, loss_text, scaled
from resexp.record.rows import scores_by_seed


class CellView(LiveView):
    """Watches one cell; a context manager around its training."""

    def __init__(self) -> None:
        self.console = tables.console()
        columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn())
        rate = TextColumn("{task.fields[rate]}")
        self.progress = Progress(*columns, rate, TimeRemainingColumn(), console=self.console, expand=True)
        self.task = self.progress.add_task("", visible=False, rate="")
        self.status = Text()
        self.losses: list[float] = []
        self.accuracy = ""
        self.explained = False
        self.strip: Sparkline | None = None
        self.live = Live(get_renderable=self.__rich__, console=self.console, refresh_per_second=4, transient=True)

    def __rich__(self) -> RenderableType:
        """The view as it stands."""
        return Group(self.progress, self.status, *([self.strip] if self.strip else []))

    def __call__(self, event: CellStart | CellWait | Notice | CellEnd | Event) -> None:
        """Show an event."""
        match event:
            case CellStart():
                self._start(event)
            case CellWait():
                self.console.print(f"waiting: another process trains {tables.shown_path(event.path)}", soft_wrap=True)
            case Notice():
                self._say(event.text, "yellow")
            case Steps():
                self._steps(event)
            case Validation() | End():
                accuracy = event.accuracy_val_R if isinstance(event, End) else event.accuracy_R
                self.accuracy = f"val accuracy {tables.spread(accuracy.tolist(), accuracy_text)}"
            case Layers():
                self._look(event)
            case CellEnd():
                self._end(event)

    def _start(self, event: CellStart) -> None:
        settings = event.cell.settings
        self.started, self.losses, self.accuracy = time.monotonic(), [], ""
        self.total, self.first = settings.steps, event.step
        self.shown = event.step * 5 // self.total
        self.status.plain = ""
        self.spoken = event.role == "cell"
        label = "training" if self.spoken else "reference"
        self.progress.reset(self.task, total=settings.steps, description=label, visible=True, rate="")
        if not self.spoken and not self.explained:
            self.explained = True
            self._say(
                f"measuring the shallow reference (depth {settings.depth}, {event.cell.arm}) that sets the bar, once",
                "dim",
            )
        elif self.spoken:
            self._say(event.cell.name, "bold")
            self._say(
                f"{settings.depth} blocks of width {settings.width} · {event.parameters:,} parameters"
                + (f" · {scaled(event.flops, 'FLOP')} per step" if event.flops else "")
            )
            seeds = f"{len(event.seeds)} seed{'s' * (len(event.seeds) > 1)}"
            again = f" ({len(event.reused)} more are done)" if event.reused else ""
            again += f", from step {event.step}" if event.step else ""
            batches = f"batches of {settings.batch_size} of {event.samples:,} samples"
            self._say(f"{seeds} in one pack ({event.mode}){again} · {batches} · {event.device}")

    def _look(self, event: Layers) -> None:
        """Show the layers; elsewhere than on a terminal, only as they are before training."""
        self.strip = Sparkline(event)
        if event.step == 0 and not self.console.is_terminal:
            self.console.print(self.strip)

    def _say(self, text: str, style: str = "") -> None:
        self.console.print(text, style=style, markup=False, soft_wrap=not self.console.is_terminal)

    def _steps(self, event: Steps) -> None:
        step = event.first + len(event.lr_S)
        rows = [row[np.isfinite(row)] for row in event.loss_SR]
        self.losses += [float(row.mean()) for row in rows if len(row)]
        rate = f"{(step - self.first) / (time.monotonic() - self.started):.1f} steps/s"
        loss = f"loss {tables.spread(event.loss_SR[-1].tolist())}"
        self.progress.update(self.task, completed=step, rate=rate)
        line = tables.sparkline(self.losses, max(8, min(40, self.console.width - 60)))
        self.status.plain = f"{loss}  {line}  {self.accuracy}"
        due = step * 5 // self.total
        if self.spoken and not self.console.is_terminal and due > self.shown:
            self.shown = due
            self._say(f"step {step}/{self.total} · {loss} · {self.accuracy} · {rate}")

    def _end(self, event: CellEnd) -> None:
        result = event.result
        self.progress.update(self.task, visible=False)
        self.status.plain = ""
        if event.role == "reference":
            return
        if self.strip and event.trained:
            self.console.print(self.strip)
            self.strip = None
        if result.status == "done":
            note = "" if event.trained else " (done before; fresh=true trains it again)"
            self.console.print(tables.replicates_table(result, scores_by_seed([result])[0]))
            self.console.print(tables.summary(result).append(note, "dim"), soft_wrap=True)
        reference = result.reference
        if reference and reference.loss_target is None:
            known = reference.loss_reference is not None
            why = f"hardly beats a constant guess ({loss_text(reference.loss_reference)} nats)" if known else "failed"
            self._say(f"no verdicts: at this budget the shallow reference {why}", "yellow")
        self._say(f"results   {tables.shown_path(result.path)}")
