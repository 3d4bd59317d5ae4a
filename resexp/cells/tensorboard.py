"""The TensorBoard run of a cell: means over seeds with bands, the configuration, layer plots and HParams."""

import contextlib
import threading
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from omegaconf import OmegaConf
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from resexp.analysis.quantities import quantity_display
from resexp.cells.theory_arm import predict_profiles
from resexp.config.cell import Cell
from resexp.engine.events import End, Event, Layers, Steps, Validation
from resexp.record.curves import Curves, Table
from resexp.record.layers import LayerTable
from resexp.record.result import CellResult, mean
from resexp.record.store import RunDir
from resexp.stats.profile import SUMMARIES, layer_summaries, profiles

TABS = ("loss", "accuracy", "signal", "gradient")
TAGS = {
    "loss": "loss/train",
    "loss_val": "loss/validation",
    "accuracy": "accuracy/train",
    "accuracy_val": "accuracy/validation",
    "grad_norm": "gradient/norm",
}
RATIOS = {
    "rms_gain": "signal/rms_gain",
    "dead_fraction": "signal/dead_fraction",
    "gradient_ratio": "gradient/first_over_last",
}
"""The tags of the layer summaries."""

HPARAMS = ("depth", "width", "activation", "steps", "batch_size")
FINAL = ("loss_train", "loss_val", "accuracy_val", "trained")

SHOWN_HPARAMS = {"dataset", "depth", "lr", "norm", "residual"}
"""HParams shown first. The parallel coordinates show five columns by default."""

REDRAW_SECONDS = 60.0
"""Seconds between plots of the layers; the last ones are drawn at the end."""


class TensorBoardWriter:
    """Writes the event file of a cell: first what `curves` and `layers` hold already, then the events that are added.

    Args:
        path: the run directory.
        cell: the cell.
        curves: its curves, to which events were added before they are added here.
        layers: its layer diagnostics, likewise.
        keep_old: whether earlier event files are deleted only when this one is complete. After an error they stay.

    """

    def __init__(self, path: Path, cell: Cell, curves: Curves, layers: LayerTable, *, keep_old: bool) -> None:
        self.path, self.cell, self.curves, self.layers, self.keep_old = path, cell, curves, layers, keep_old
        if not keep_old:
            for file in self._files():
                file.unlink()
        self.old = self._files()
        self.writer = SummaryWriter(str(path))
        self.writer.add_text("configuration", f"```yaml\n{OmegaConf.to_yaml(OmegaConf.create(cell.config))}\n```")
        self.writer.add_custom_scalars(
            _layout([*TAGS.values(), *(_layer_tags(cell) if cell.measured or layers.earlier else ())])
        )
        self.drawn = time.monotonic()
        self._losses(0)
        for measured_step in layers.steps(cell.measured):
            self._layer_scalars(measured_step)
        for step in np.flatnonzero(np.isfinite(curves.metrics["loss_val"][curves.new, : curves.length]).any(0)):
            self._bands(("loss_val", "accuracy_val"), int(step))

    def __enter__(self) -> "TensorBoardWriter":
        self.hook, threading.excepthook = threading.excepthook, self._in_thread
        return self

    def _in_thread(self, fault: threading.ExceptHookArgs) -> None:
        """Silence errors of the disk in the writer's thread: the next write raises them again."""
        if not issubclass(fault.exc_type, OSError):
            self.hook(fault)

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with contextlib.closing(self.writer):
                if not isinstance(error, Exception):
                    self._draw()
        finally:
            threading.excepthook = self.hook
            for file in self._files() - self.old if error and self.keep_old else self.old:
                file.unlink()

    def _files(self) -> set[Path]:
        return {*self.path.glob("events.out.tfevents.*")}

    def add(self, event: Event) -> None:
        """Log an event whose values are already in the curves or layers."""
        match event:
            case Steps():
                self._losses(event.first)
                self.writer.flush()
            case Validation() | End():
                self._bands(("loss_val", "accuracy_val"), event.step)
            case Layers():
                self._layer_scalars(event.step)
                if time.monotonic() - self.drawn > REDRAW_SECONDS:
                    self._draw()

    def _losses(self, first: int) -> None:
        """Log the minibatches from step `first` to the last one recorded."""
        for step in range(first, self.curves.length):
            if step % self.cell.settings.log_every == 0 or step == self.cell.settings.steps - 1:
                self._bands(("loss", "accuracy", "grad_norm"), step)
                self.writer.add_scalar("schedule/lr", self.curves.metrics["lr"][-1, step], step)

    def _bands(self, names: tuple[str, ...], step: int) -> None:
        """Log mean, min and max over the finite replicates, and their number."""
        for name in names:
            self._band(TAGS[name], self.curves.metrics[name][:, step], step)
        if "loss" in names:
            self.writer.add_scalar("seeds/finite", int(np.isfinite(self.curves.metrics["loss"][:, step]).sum()), step)

    def _band(self, tag: str, values: Table, step: int) -> None:
        finite = values[np.isfinite(values)]
        if len(finite):
            self.writer.add_scalar(tag, finite.mean(dtype=np.float64), step)
            self.writer.add_scalar(f"seeds/{tag}/min", finite.min(), step)
            self.writer.add_scalar(f"seeds/{tag}/max", finite.max(), step)

    def _layer_scalars(self, step: int) -> None:
        """Log the layer summaries and the network-wide quantities."""
        by_quantity = profiles(self.layers.columns() or {})
        for name, values in layer_summaries(by_quantity, step).items():
            self._band(RATIOS[name], values, step)
        for name, profile in by_quantity.items():
            if profile.is_network_wide and (profile.steps == step).any():
                self._band(f"{quantity_display(name).tab}/{name}", profile.values[profile.steps == step].ravel(), step)

    def _draw(self) -> None:
        """Log a heatmap and a profile of each quantity that layers have."""
        by_quantity = profiles(self.layers.columns() or {})
        drawn = {n: p for n, p in by_quantity.items() if not p.is_network_wide and np.isfinite(p.values).any()}
        if drawn:
            from resexp.figures import layers as figures

            self.drawn, theory = time.monotonic(), predict_profiles(self.cell, by_quantity)
            for name, profile in drawn.items():
                display, steps = quantity_display(name), profile.steps.tolist()
                draw_profile = partial(figures.profile, theory_N=theory.get(name))
                for plot, draw in (("heatmap", figures.heatmap), ("profile", draw_profile)):
                    figure = draw(profile.median, steps, profile.layers.tolist(), title=display.title, log=display.log)
                    tag, image = f"{display.tab}/{name}/{plot}", figures.pixels(figure)
                    self.writer.add_image(tag, image, steps[-1], dataformats="HWC")


def _layer_tags(cell: Cell) -> list[str]:
    """Return the tags of all scalars that diagnostics of a cell may log."""
    displays = {name: quantity_display(name) for name in sorted(cell.measured)}
    return [*RATIOS.values(), *(f"{display.tab}/{name}" for name, display in displays.items() if display.network_wide)]


def _layout(tags: list[str]) -> dict[str, dict[str, list[Any]]]:
    """Return custom-scalar tabs: one for each first word of the tags, with a chart and its band for each tag."""
    tabs = [tab for tab in TABS if any(tag.startswith(f"{tab}/") for tag in tags)]
    return {
        tab.capitalize(): {
            tag: ["Margin", [tag, f"seeds/{tag}/min", f"seeds/{tag}/max"]] for tag in tags if tag.startswith(f"{tab}/")
        }
        for tab in tabs
    }


def _with_shown_first(experiment: Any) -> Any:
    """Mark the columns of an HParams summary so that TensorBoard puts SHOWN_HPARAMS first."""
    plugin_data = experiment.value[0].metadata.plugin_data
    data = HParamsPluginData.FromString(plugin_data.content)
    for column in data.experiment.hparam_infos:
        column.differs = column.name in SHOWN_HPARAMS
    plugin_data.content = data.SerializeToString()
    return experiment


def write_summary(path: Path, cell: Cell, result: CellResult) -> None:
    """Log the final metrics and HParams of a cell in its run directory."""
    means = {
        name: mean(getattr(r, name) for r in result.replicates) for name in ("loss_train", "loss_val", "accuracy_val")
    }
    final = {f"final/{name}": value for name, value in means.items() if value is not None}
    final["final/trained"] = result.verdict_counts.get("trained", 0)
    settings = {name: getattr(cell.settings, name) for name in HPARAMS}
    lr = {"lr": float(cell.options["optimizer"].get("lr", 0.0))}
    summaries = layer_summaries(profiles(RunDir(path).layers() or {}), 0)
    initial = {f"init/{name}": mean(map(float, values)) for name, values in summaries.items()}
    final |= {tag: value for tag, value in initial.items() if value is not None}
    columns = [*(f"final/{name}" for name in FINAL), *(f"init/{name}" for name in SUMMARIES)]
    with SummaryWriter(str(path)) as writer:
        # every run lists the same keys and metrics: TensorBoard takes its columns from the first that it reads
        experiment, *values = hparams({**cell.choices, **settings, **lr}, dict.fromkeys(columns))
        for summary in (_with_shown_first(experiment), *values):
            writer._get_file_writer().add_summary(summary)
        for tag, value in final.items():
            writer.add_scalar(tag, value, 0 if tag in initial else cell.settings.steps)
