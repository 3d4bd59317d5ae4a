"""The view of one cell in training: live on a terminal, plain lines elsewhere."""

import time

import numpy as np
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from resexp.analysis.sentences import no_verdict_reason
from resexp.cells.callbacks import CellEnd, CellEvent, CellStart, CellWait, Notice
from resexp.console.hints import shown_path
from resexp.console.result_text import spread, summary
from resexp.console.sparkline import LayerSparklines, sparkline
from resexp.console.tables import replicates_table
from resexp.console.terminal import LiveView, console, print_text
from resexp.engine.events import End, Layers, Steps, Validation
from resexp.formats import accuracy_text, plural, scaled
from resexp.record.result import CellResult
from resexp.record.rows import scores_by_seed

PARTS = 5
"""Progress lines per cell if the output is not a terminal."""


class CellView(LiveView):
    """A callback that shows the events of one cell; a context manager around its training."""

    def __init__(self) -> None:
        self.console = console()
        columns = (TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn())
        rate = TextColumn("{task.fields[rate]}")
        self.progress = Progress(*columns, rate, TimeRemainingColumn(), console=self.console, expand=True)
        self.task = self.progress.add_task("", visible=False, rate="")
        self.status = Text()
        self.losses: list[float] = []
        self.accuracy = ""
        self.reference_announced = False
        self.layers: LayerSparklines | None = None
        self.live = Live(get_renderable=self.__rich__, console=self.console, refresh_per_second=4, transient=True)

    def __rich__(self) -> RenderableType:
        """Return the current view."""
        return Group(self.progress, self.status, *([self.layers] if self.layers else []))

    def __call__(self, event: CellEvent) -> None:
        """Show an event."""
        match event:
            case CellStart():
                self._on_start(event)
            case CellWait():
                text = f"waiting: another process is training {shown_path(event.path)}"
                self.console.print(text, soft_wrap=True)
            case Notice():
                self._print(event.text, "yellow")
            case Steps():
                self._on_steps(event)
            case Validation() | End():
                accuracy_R = event.accuracy_val_R if isinstance(event, End) else event.accuracy_R
                self.accuracy = f"val accuracy {spread(accuracy_R.tolist(), accuracy_text)}"
            case Layers():
                self._on_layers(event)
            case CellEnd():
                self._on_end(event)

    def _on_start(self, event: CellStart) -> None:
        settings = event.cell.settings
        self.started, self.losses, self.accuracy = time.monotonic(), [], ""
        self.total, self.first = settings.steps, event.step
        self.parts_printed = event.step * PARTS // self.total
        self.status.plain = ""
        self.is_cell = event.role == "cell"
        label = "training" if self.is_cell else "reference"
        self.progress.reset(self.task, total=settings.steps, description=label, visible=True, rate="")
        if self.is_cell:
            self._announce(event)
        elif not self.reference_announced:
            self.reference_announced = True
            reference = f"shallow reference (depth {settings.depth}, {event.cell.arm})"
            self._print(f"training the {reference} for the target loss", "dim")

    def _announce(self, event: CellStart) -> None:
        settings = event.cell.settings
        self._print(event.cell.name, "bold")
        size = f"{plural(settings.depth, 'block')} of width {settings.width} · {event.parameters:,} parameters"
        self._print(size + (f" · {scaled(event.flops, 'FLOP')} per step" if event.flops else ""))
        seeds = f"{plural(len(event.seeds), 'seed')} in one pack ({event.mode})"
        seeds += f" ({len(event.reused)} more are done)" if event.reused else ""
        seeds += f", from step {event.step}" if event.step else ""
        self._print(f"{seeds} · batches of {settings.batch_size} of {event.samples:,} samples · {event.device}")

    def _on_layers(self, event: Layers) -> None:
        """Show the layers; if the output is not a terminal, only those before training."""
        self.layers = LayerSparklines(event)
        if event.step == 0 and not self.console.is_terminal:
            self.console.print(self.layers)

    def _on_steps(self, event: Steps) -> None:
        step = event.first + len(event.lr_S)
        rows = [row[np.isfinite(row)] for row in event.loss_SR]
        self.losses += [float(row.mean()) for row in rows if len(row)]
        rate = f"{(step - self.first) / (time.monotonic() - self.started):.1f} steps/s"
        loss = f"loss {spread(event.loss_SR[-1].tolist())}"
        self.progress.update(self.task, completed=step, rate=rate)
        line = sparkline(self.losses, max(8, min(40, self.console.width - 60)))
        self.status.plain = f"{loss}  {line}  {self.accuracy}"
        parts = step * PARTS // self.total
        if self.is_cell and not self.console.is_terminal and parts > self.parts_printed:
            self.parts_printed = parts
            self._print(f"step {step}/{self.total} · {loss} · {self.accuracy} · {rate}")

    def _on_end(self, event: CellEnd) -> None:
        self.progress.update(self.task, visible=False)
        self.status.plain = ""
        if event.role == "reference":
            return
        result = event.result
        if self.layers and event.trained:
            self.console.print(self.layers)
            self.layers = None
        if result.status == "done":
            note = "" if event.trained else " (already done; fresh=true trains it again)"
            self.console.print(replicates_table(result, scores_by_seed([result])[0]))
            self.console.print(summary(result).append(note, "dim"), soft_wrap=True)
        self._explain_missing_verdicts(result)
        self._print(f"results   {shown_path(result.path)}")

    def _explain_missing_verdicts(self, result: CellResult) -> None:
        if result.reference and result.reference.loss_target is None:
            self._print(f"no verdicts: {no_verdict_reason(result.reference)}", "yellow")

    def _print(self, text: str, style: str = "") -> None:
        print_text(self.console, text, style)
