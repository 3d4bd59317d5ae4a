"""The layers of a network in a line each: a mark per layer, its height and its color by a logarithmic scale."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from resexp.console.tables import BARS
from resexp.engine.events import Layers
from resexp.formats import loss_text

ROWS = {"stream_grad": "gradient", "stream_rms": "stream RMS"}
"""The quantities that have a line, and what it is called."""

ASCII = "12345678"
"""Marks where the terminal knows no blocks."""

COLORS = ("#3b528b", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725")
"""Viridis but for its darkest quarter, which is not seen on black: told apart whatever the color vision."""

ZERO = -math.inf
"""The logarithm of 0."""

WIDEST, SPAN = 4, 1.0
"""Columns of a mark at most; decades that a scale covers at least, so that small differences stay small."""


class Sparkline:
    """The medians over seeds of a look, from the first layer on the left to the last."""

    def __init__(self, look: Layers) -> None:
        self.step = look.step
        self.rows = {
            label: [_median(column) for column in look.values[name].T]
            for name, label in ROWS.items()
            if name in look.values
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heads = [f"{label:10} " for label in self.rows]
        tails = [f" {_range(values)}" for values in self.rows.values()]
        room = options.max_width - max(map(len, heads), default=0) - max(map(len, tails), default=0)
        for head, tail, values in zip(heads, tails, self.rows.values(), strict=True):
            line = Text(head, no_wrap=True, overflow="crop")
            line.append_text(marks(values, max(8, room), ascii_only=options.ascii_only)).append(tail, "dim")
            yield line
        if self.rows:
            count = len(next(iter(self.rows.values())))
            yield Text(
                f"{'':10} layers 0 to {count - 1}, left to right, at step {self.step}",
                "dim",
                no_wrap=True,
                overflow="crop",
            )


def marks(values: Sequence[float], room: int, *, ascii_only: bool = False) -> Text:
    """A mark per value in at most `room` columns, wider ones where there is room; where there is not, one for several.

    That one is their geometric mean. What is 0 is a space; what is not finite is a red ×.
    """
    logs = [_log(v) for v in values]
    if len(logs) > room:
        logs = [_together(logs[a:b]) for a, b in pairwise(i * len(logs) // room for i in range(room + 1))]
    known = [log for log in logs if math.isfinite(log)]
    low = min(known, default=0.0)
    span = max(max(known, default=0.0) - low, SPAN)
    width = max(1, min(WIDEST, room // max(1, len(logs))))
    text = Text()
    for log in logs:
        if math.isnan(log):
            text.append(("x" if ascii_only else "×") * width, "red")
        elif log == ZERO:
            text.append(" " * width)
        else:
            height = min(7, int((log - low) / span * 8))
            text.append((ASCII if ascii_only else BARS)[height] * width, COLORS[height])
    return text


def _log(value: float) -> float:
    """NaN where it is not finite, or below 0."""
    if value == 0:
        return ZERO
    return math.log10(value) if value > 0 and math.isfinite(value) else math.nan


def _together(logs: Sequence[float]) -> float:
    known = [log for log in logs if log != ZERO]
    return math.fsum(known) / len(known) if known else ZERO


def _range(values: Sequence[float]) -> str:
    known = [v for v in values if math.isfinite(v)]
    return f"{loss_text(min(known))} to {loss_text(max(known))}" if known else "not finite"


def _median(column_R: "np.ndarray[tuple[int, ...], np.dtype[np.floating]]") -> float:
    finite = column_R[np.isfinite(column_R)]
    return float(np.median(finite)) if len(finite) else math.nan
