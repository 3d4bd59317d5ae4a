"""Probes of networks at initialization: the layers of one, or several in a line each."""

import re
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.analysis.diagnosis import Gain, ProbeResult
from resexp.console.sparkline import marks
from resexp.console.terminal import plain_table
from resexp.formats import interval_text, loss_text

CHART_ROWS = {
    "stream_rms": "stream RMS",
    "stream_grad": "gradient of stream",
    "weight_grad": "gradient of weights",
    "pair_cosine": "cosine of inputs",
}
CHART_MARGIN = 50
"""Columns of a chart that its labels and numbers take."""


class ProbeView:
    """One network: its layers as a chart, its gains, and a diagnosis."""

    def __init__(self, probe: ProbeResult) -> None:
        self.probe = probe

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        probe, width = self.probe, max(8, options.max_width - CHART_MARGIN)
        yield Text(f"{probe.name}: {probe.depth} blocks at initialization", "bold")
        chart = Table(box=None, pad_edge=False, padding=(0, 1))
        for name in ("", "first", "layers, first to last (logarithmic)", "last"):
            chart.add_column(name, header_style="dim", justify="right" if name in ("first", "last") else "left")
        for name, label in CHART_ROWS.items():
            values = [float(v) for v in probe.layers[name]]
            line = marks([abs(v) for v in values], width, ascii_only=options.ascii_only)
            chart.add_row(label, loss_text(values[0]), line, loss_text(values[-1]))
        yield chart
        yield _gains_table(probe)
        if probe.no_theory_reason:
            yield Text(f"no theory: {probe.no_theory_reason}", "dim")
        yield Text(probe.diagnosis[0].upper() + probe.diagnosis[1:])


class ProbeList:
    """Several networks: a row each, then their diagnoses."""

    def __init__(self, probes: Sequence[ProbeResult]) -> None:
        self.probes = probes

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = ("cell", "forward", "theory", "backward", "theory", "cosine", "depth")
        table = plain_table(*columns, left=("cell",), overflow="fold")
        for probe in self.probes:
            gains = (probe.gain_forward, probe.gain_backward)
            factors = [_factor_text(factor) for gain in gains for factor in (gain.measured, gain.predicted)]
            table.add_row(_short_name(probe), *factors, f"{probe.layers['pair_cosine'][-1]:.2f}", _depth_text(probe))
        yield table
        legend = (
            "forward, backward: factor per layer of the squared norms of stream and gradient; cosine: of two inputs"
            " after the last layer; depth: predicted trainable depth"
        )
        yield Text(legend, "dim")
        yield Text()
        for probe in self.probes:
            yield Text(f"{_short_name(probe)}: {probe.diagnosis}")


def _gains_table(probe: ProbeResult) -> Table:
    first = "squared norm, factor per layer"
    table = plain_table(first, "measured", "95 % interval", "theory", left=(first,))
    gains = {"stream, forward": probe.gain_forward, "its gradient, backward": probe.gain_backward}
    for label, gain in gains.items():
        table.add_row(label, _factor_text(gain.measured), _interval_text(gain), _factor_text(gain.predicted))
    table.add_section()
    table.add_row("predicted trainable depth", _depth_text(probe), "", "")
    return table


def _interval_text(gain: Gain) -> str:
    return "–" if gain.low is None or gain.high is None else interval_text(gain.low, gain.high, "{:.3f}".format)


def _factor_text(factor: float | None) -> str:
    return "–" if factor is None else f"{factor:.3f}"


def _depth_text(probe: ProbeResult) -> str:
    depth = probe.predicted_trainable_depth
    return f"{depth:.0f}" if depth else "–"


def _short_name(probe: ProbeResult) -> str:
    """Return arm, depth, and the settings that differ from the defaults."""
    arm, settings = probe.name.split("/")[-2:]
    return f"{arm}/{re.sub('^depth0+', 'depth', settings.rpartition('-')[0])}"
