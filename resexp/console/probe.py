"""What a probe found: of one network its layers, of several a line each."""

import re
from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.analysis.diagnosis import Gain, ProbeResult
from resexp.console.sparkline import marks
from resexp.formats import loss_text

ROWS = {
    "stream_rms": "stream RMS",
    "stream_grad": "gradient of stream",
    "weight_grad": "gradient of weights",
    "pair_cosine": "cosine of inputs",
}
NARROW = 50
"""Columns that the labels and numbers of a chart take."""


class ProbeView:
    """The layers of a network as a chart, its gains, and what they mean."""

    def __init__(self, found: ProbeResult) -> None:
        self.found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found, room = self.found, max(8, options.max_width - NARROW)
        yield Text(f"{found.name}: {found.depth} blocks at initialization", "bold")
        chart = Table(box=None, pad_edge=False, padding=(0, 1))
        for name in ("", "first", "layers, first to last (logarithmic)", "last"):
            chart.add_column(name, header_style="dim", justify="right" if name in ("first", "last") else "left")
        for name, label in ROWS.items():
            values = [float(v) for v in found.layers[name]]
            line = marks([abs(v) for v in values], room, ascii_only=options.ascii_only)
            chart.add_row(label, loss_text(values[0]), line, loss_text(values[-1]))
        yield chart
        yield gains(found)
        if found.no_theory_reason:
            yield Text(f"no theory of it: {found.no_theory_reason}", "dim")
        yield Text(found.diagnosis[0].upper() + found.diagnosis[1:])


def gains(found: ProbeResult) -> Table:
    """The gains of squared norms per layer."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("squared norm, factor per layer", "measured", "95 % interval", "theory"):
        table.add_column(name, justify="left" if "," in name else "right")
    for label, gain in (("forward, the stream", found.gain_forward), ("backward, its gradient", found.gain_backward)):
        table.add_row(label, *_numbers(gain))
    limit = found.predicted_trainable_depth
    table.add_section()
    table.add_row("predicted trainable depth", f"{limit:.0f}" if limit else "–", "", "")
    return table


def _numbers(gain: Gain) -> tuple[str, str, str]:
    between = f"{gain.low:.3f} to {gain.high:.3f}" if gain.low is not None and gain.high is not None else "–"
    return _number(gain.measured), between, _number(gain.predicted)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def lines(found: Sequence[ProbeResult]) -> Group:
    """A row per network, and below what it means."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("cell", "forward", "theory", "backward", "theory", "cosine", "depth"):
        table.add_column(name, justify="left" if name == "cell" else "right", overflow="fold")
    for one in found:
        ends = (gain for both in (one.gain_forward, one.gain_backward) for gain in (both.measured, both.predicted))
        limit = one.predicted_trainable_depth
        cosine = f"{one.layers['pair_cosine'][-1]:.2f}"
        table.add_row(_short(one), *map(_number, ends), cosine, f"{limit:.0f}" if limit else "–")
    about = "factors per layer of the squared norms; cosine of inputs at the end; predicted trainable depth"
    return Group(table, Text(about, "dim"), Text(), *(Text(f"{_short(one)}: {one.diagnosis}") for one in found))


def _short(found: ProbeResult) -> str:
    """Arm and depth, and what else differs from the defaults."""
    arm, words = found.name.split("/")[-2:]
    return f"{arm}/{re.sub('^depth0+', 'depth', words.rpartition('-')[0])}"
