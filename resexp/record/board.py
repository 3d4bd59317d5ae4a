"""One TensorBoard run per cell: means over seeds, their band, the configuration and HParams."""

import threading
from pathlib import Path
from types import TracebackType

import numpy as np
from omegaconf import OmegaConf
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from resexp.config import Cell
from resexp.engine.events import End, Event, Steps, Validation
from resexp.record.curves import Curves
from resexp.record.result import CellResult, mean

TAGS = {
    "loss": "loss/train",
    "loss_val": "loss/validation",
    "accuracy": "accuracy/train",
    "accuracy_val": "accuracy/validation",
    "grad_norm": "gradient/norm",
}
HPARAMS = ("depth", "width", "activation", "steps", "batch_size")
FINAL = ("loss_train", "loss_val", "accuracy_val", "trained")


class Board:
    """Writes the event file of a cell, from the beginning: what the curves know already, then what is added.

    It takes the place of those from before: at once, or with `keep_old` when it closes; after an error these stay then.
    """

    def __init__(self, path: Path, cell: Cell, curves: Curves, *, keep_old: bool) -> None:
        self.path, self.cell, self.curves, self.keep_old = path, cell, curves, keep_old
        if not keep_old:
            for file in self._files():
                file.unlink()
        self.old = self._files()
        self.writer = SummaryWriter(str(path))
        self.writer.add_text("configuration", f"```yaml\n{OmegaConf.to_yaml(OmegaConf.create(cell.config))}\n```")
        margins = {tag: ["Margin", [tag, f"seeds/{tag}/min", f"seeds/{tag}/max"]] for tag in TAGS.values()}
        tabs = dict.fromkeys(tag.split("/")[0].capitalize() for tag in TAGS.values())
        layout = {tab: {tag: m for tag, m in margins.items() if tag.startswith(tab.lower())} for tab in tabs}
        self.writer.add_custom_scalars(layout)
        self._losses(0)
        for step in np.flatnonzero(np.isfinite(curves.metrics["loss_val"][curves.new, : curves.length]).any(0)):
            self._bands(("loss_val", "accuracy_val"), int(step))

    def __enter__(self) -> "Board":
        self.hook, threading.excepthook = threading.excepthook, self._in_thread
        return self

    def _in_thread(self, fault: threading.ExceptHookArgs) -> None:
        """A full disk reaches the writer's thread first; it is raised again from the next write, and need not print."""
        if not issubclass(fault.exc_type, OSError):
            self.hook(fault)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.writer.close()
        finally:
            threading.excepthook = self.hook
            for file in self._files() - self.old if error and self.keep_old else self.old:
                file.unlink()

    def _files(self) -> set[Path]:
        return {*self.path.glob("events.out.tfevents.*")}

    def add(self, event: Event) -> None:
        """Log what an event, already in the curves, brought."""
        match event:
            case Steps():
                self._losses(event.first)
                self.writer.flush()
            case Validation() | End():
                self._bands(("loss_val", "accuracy_val"), event.step)

    def _losses(self, first: int) -> None:
        """Log the minibatches from step `first` to the last that is known."""
        for step in range(first, self.curves.length):
            if step % self.cell.dials.log_every == 0 or step == self.cell.dials.steps - 1:
                self._bands(("loss", "accuracy", "grad_norm"), step)
                self.writer.add_scalar("schedule/lr", self.curves.metrics["lr"][-1, step], step)

    def _bands(self, names: tuple[str, ...], step: int) -> None:
        """Mean, min and max over the finite replicates, and how many these are."""
        for name in names:
            values = self.curves.metrics[name][:, step]
            finite = values[np.isfinite(values)]
            if len(finite):
                tag = TAGS[name]
                self.writer.add_scalar(tag, finite.mean(dtype=np.float64), step)
                self.writer.add_scalar(f"seeds/{tag}/min", finite.min(), step)
                self.writer.add_scalar(f"seeds/{tag}/max", finite.max(), step)
        if "loss" in names:
            self.writer.add_scalar("seeds/finite", int(np.isfinite(self.curves.metrics["loss"][:, step]).sum()), step)


def summarise(path: Path, cell: Cell, result: CellResult) -> None:
    """Log the final metrics and HParams of a cell, in its run."""
    means = {
        name: mean(getattr(r, name) for r in result.replicates) for name in ("loss_train", "loss_val", "accuracy_val")
    }
    final = {f"final/{name}": value for name, value in means.items() if value is not None}
    final["final/trained"] = sum(result.verdict(r) == "trained" for r in result.replicates)
    dials = {name: getattr(cell.dials, name) for name in HPARAMS}
    lr = {"lr": float(cell.options["optimizer"].get("lr", 0.0))}
    with SummaryWriter(str(path)) as writer:
        # every run lists the same keys and metrics: TensorBoard takes its columns from the first that it reads
        for summary in hparams({**cell.choices, **dials, **lr}, {f"final/{name}": None for name in FINAL}):
            writer._get_file_writer().add_summary(summary)
        for tag, value in final.items():
            writer.add_scalar(tag, value, cell.dials.steps)
