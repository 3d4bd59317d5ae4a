"""Sparklines: values as a row of block characters, on a logarithmic scale."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from resexp.engine.events import Layers
from resexp.formats import interval_text, loss_text

LAYER_ROWS = {"stream_grad": "gradient", "stream_rms": "stream RMS"}
"""The layer diagnostics that `LayerSparklines` shows, and their labels."""

BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "12345678"
"""Marks for a terminal without block characters."""

COLORS = ("#3b528b", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725")
"""Viridis, readable with any color vision, without its darkest quarter, which is invisible on black."""

MAX_MARK_WIDTH = 4
"""Largest number of columns per value."""

MIN_DECADES = 1.0
"""Smallest range of the scale of `marks`, in powers of ten, so that small differences look small."""

MIN_LOSS = 1e-6
"""Losses below it are drawn as this."""


def sparkline(losses: Sequence[float], width: int) -> str:
    """Return the finite losses as at most `width` blocks, from the lowest to the highest of them.

    If there are more than `width`, a block is the geometric mean of successive ones.
    """
    logs = [math.log(max(loss, MIN_LOSS)) for loss in losses if math.isfinite(loss)]
    if not logs:
        return ""
    means = [fmean(part) for part in _parts(logs, width)] if len(logs) > width else logs
    low, span = min(means), max(max(means) - min(means), 1e-9)
    return "".join(BLOCKS[_height(m, low, span)] for m in means)


def marks(values: Sequence[float], width: int, *, ascii_only: bool = False) -> Text:
    """Return nonnegative values as colored marks in at most `width` columns.

    A mark is up to `MAX_MARK_WIDTH` columns wide. If there are more than `width` values, a mark is the geometric mean
    of successive ones. Zero is a space, a value that is not finite a red ×.
    """
    logs = [_log10(v) for v in values]
    if len(logs) > width:
        logs = [_mean_log(part) for part in _parts(logs, width)]
    finite = [log for log in logs if math.isfinite(log)]
    low = min(finite, default=0.0)
    span = max(max(finite, default=0.0) - low, MIN_DECADES)
    mark_width = max(1, min(MAX_MARK_WIDTH, width // max(1, len(logs))))
    text = Text()
    for log in logs:
        if math.isnan(log):
            text.append(("x" if ascii_only else "×") * mark_width, "red")
        elif log == -math.inf:
            text.append(" " * mark_width)
        else:
            height = _height(log, low, span)
            text.append((ASCII if ascii_only else BLOCKS)[height] * mark_width, COLORS[height])
    return text


class LayerSparklines:
    """A sparkline per layer diagnostic: medians over replicates, from the first layer to the last."""

    def __init__(self, layers: Layers) -> None:
        self.step = layers.step
        self.rows = {
            label: [_median(column_R) for column_R in layers.values[name].T]
            for name, label in LAYER_ROWS.items()
            if name in layers.values
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heads = [f"{label:10} " for label in self.rows]
        ranges = [f" {_range_text(values)}" for values in self.rows.values()]
        width = options.max_width - max(map(len, heads), default=0) - max(map(len, ranges), default=0)
        for head, range_, values in zip(heads, ranges, self.rows.values(), strict=True):
            line = Text(head, no_wrap=True, overflow="crop")
            line.append_text(marks(values, max(8, width), ascii_only=options.ascii_only)).append(range_, "dim")
            yield line
        if self.rows:
            last = len(next(iter(self.rows.values()))) - 1
            text = f"{'':10} layers 0 to {last}, left to right, at step {self.step}"
            yield Text(text, "dim", no_wrap=True, overflow="crop")


def _parts(values: Sequence[float], count: int) -> list[Sequence[float]]:
    """Split values into `count` successive parts of nearly equal length."""
    return [values[a:b] for a, b in pairwise(i * len(values) // count for i in range(count + 1))]


def _height(log: float, low: float, span: float) -> int:
    """Return the height of a block, 0 to 7, for a logarithm on a scale from `low` to `low + span`."""
    return min(7, int((log - low) / span * 8))


def _log10(value: float) -> float:
    """Return the logarithm, -inf for 0, NaN for a value that is negative or not finite."""
    if value == 0:
        return -math.inf
    return math.log10(value) if value > 0 and math.isfinite(value) else math.nan


def _mean_log(logs: Sequence[float]) -> float:
    """Return the mean of the logarithms of all values but zeros."""
    nonzero = [log for log in logs if log != -math.inf]
    return math.fsum(nonzero) / len(nonzero) if nonzero else -math.inf


def _range_text(values: Sequence[float]) -> str:
    finite = [v for v in values if math.isfinite(v)]
    return interval_text(min(finite), max(finite), loss_text) if finite else "not finite"


def _median(column_R: NDArray[np.floating]) -> float:
    finite = column_R[np.isfinite(column_R)]
    return float(np.median(finite)) if len(finite) else math.nan
