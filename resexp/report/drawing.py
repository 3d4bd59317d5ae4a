"""The figures of a group of cells, with captions and text alternatives."""

import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure

from resexp.analysis.groups import CellGroup, DepthSeries, trained_share
from resexp.analysis.headline import summarize
from resexp.analysis.quantities import quantity_display
from resexp.analysis.sentences import trainable_depth_text
from resexp.analysis.tuning import LR_KEY
from resexp.figures import style
from resexp.figures.curve_panels import AxesSpec, Curve, curve_panels
from resexp.figures.depth_curves import DepthCurve, Point, depth_curves
from resexp.figures.rate_map import rate_map
from resexp.figures.trainability_map import Counts, trainability_map
from resexp.formats import loss_text
from resexp.report.bands import layer_curves, loss_curve

MAX_PANELS = 24
"""The most arms in a figure of curves; the map shows all."""

Curves = dict[str, dict[str, Curve]]
"""Curves by series name, then by depth label."""


@dataclass(frozen=True)
class ReportFigure:
    """A figure of the report.

    Attributes:
        name: the stem of its files.
        title: the heading above it.
        alt: its text alternative.
        caption: how to read it.
        draw: draws it at a width in inches.

    """

    name: str
    title: str
    alt: str
    caption: str
    draw: Callable[[float], Figure]

    @cached_property
    def _wide(self) -> tuple[Figure, str]:
        figure = self.draw(style.WIDE)
        return figure, style.svg(figure)

    def elements(self, name: str) -> tuple[str, str]:
        """Return a wide and a narrow SVG element for a page, whose ids begin with `name`."""
        prefix = re.sub(r"\W", "-", name)
        narrow = style.svg(self.draw(style.NARROW))
        return style.inline_svg(self._wide[1], f"{prefix}-w"), style.inline_svg(narrow, f"{prefix}-n")

    def files(self) -> dict[str, bytes]:
        """Return the contents of its SVG and PNG file, by file name."""
        figure, svg = self._wide
        return {
            f"{self.name}.svg": style.standalone_svg(svg).encode("utf-8", "replace"),
            f"{self.name}.png": style.png(figure),
        }


def report_figures(group: CellGroup) -> Iterator[ReportFigure]:
    """Yield every figure for which there are data, in reading order."""
    yield _map(group)
    judged = [series for series in group.tuned.series if len(series.shares) > 1]
    if judged:
        yield _depth_curves(judged[:MAX_PANELS], _left_out(judged))
    if group.rates:
        yield _rate_map(group)
    shown = group.series[:MAX_PANELS]
    losses = {series.name: _losses(series) for series in shown}
    if any(losses.values()):
        yield _loss_curves(group, losses, _left_out(group.series))
    yield from _layer_figures(group, shown)


def _left_out(series: Sequence[DepthSeries]) -> str:
    return f" The first {MAX_PANELS} of {len(series)} arms." if len(series) > MAX_PANELS else ""


def _depth_label(depth: int) -> str:
    return f"depth {depth}"


def _map(group: CellGroup) -> ReportFigure:
    def counts(series: DepthSeries, depth: int) -> Counts | None:
        cell = series.cells.get(depth)
        return Counts(cell.verdict_counts, "no verdict" if cell.status == "done" else cell.status) if cell else None

    rows = {series.name: [counts(series, depth) for depth in group.depths] for series in group.series}
    size = f"{len(rows)} arms at {len(group.depths)} depths" if len(rows) > 1 else f"{next(iter(rows))}"
    headline = summarize(group).headline
    return ReportFigure(
        "map",
        "Trainability map",
        f"Trainability map of {group.title}: {size}. {headline}. The table below has every number.",
        "Verdicts of the seeds of each arm, the arm that trains deepest first. Each cell is divided in proportion to "
        "its verdicts.",
        lambda width: trainability_map(rows, group.depths, width),
    )


def _losses(series: DepthSeries) -> dict[str, Curve]:
    curves = {_depth_label(depth): loss_curve(cell) for depth, cell in series.cells.items()}
    return {label: curve for label, curve in curves.items() if curve}


def _loss_curves(group: CellGroup, losses: Curves, left_out: str) -> ReportFigure:
    labels = [_depth_label(depth) for depth in group.depths]
    levels = {}
    if len(group.references) == 1:
        (reference,) = group.references
        levels = {"constant prediction": reference.loss_constant}
        if reference.loss_target is not None:
            levels["target loss"] = reference.loss_target
    limits = _loss_limits(group, losses, levels.values())
    axes = AxesSpec("step", "training loss (nats)", limits=limits, levels=levels)
    target = f" The target loss is {loss_text(levels['target loss'])} nats." if len(levels) > 1 else ""
    return ReportFigure(
        "losses",
        "Loss curves",
        f"Training loss over steps, a panel for each of {len(losses)} arms, a curve for each depth.{target}",
        "Minibatch loss in nats on a log scale: the mean over the finite seeds, with a band from the least to the "
        "largest; × marks the last step with a finite seed. Losses above 100 times that of a constant prediction are "
        f"cut off.{left_out}",
        lambda width: curve_panels(losses, labels, axes, width),
    )


def _loss_limits(group: CellGroup, losses: Curves, levels: Collection[float]) -> tuple[float, float]:
    """Return the range of the loss axis: all finite losses and the levels, cut off at 100 ℓ0."""
    curves = [curve for row in losses.values() for curve in row.values()]
    cut_off = 100 * max([r.loss_constant for r in group.references], default=math.inf)
    lows = [curve.low[np.isfinite(curve.low)] for curve in curves]
    highs = [curve.high[np.isfinite(curve.high)] for curve in curves]
    low = min((float(ends.min()) for ends in lows if len(ends)), default=1.0)
    high = max((float(ends.max()) for ends in highs if len(ends)), default=1.0)
    high = max(min(1.4 * high, cut_off), *(1.2 * level for level in levels), 1e-5)
    return min(max(0.7 * low, 1e-6), high / 10), high


def _depth_curves(shown: Sequence[DepthSeries], left_out: str) -> ReportFigure:
    def curve(series: DepthSeries) -> DepthCurve:
        points = [Point(depth, share.value, *share.interval()) for depth, share in series.shares.items()]
        estimate, shaded = series.estimate, None
        if estimate:
            shaded = (estimate.low or 0.0, estimate.high or math.inf)
        elif series.bracket.monotone:
            shaded = (series.bracket.low or 0.0, series.bracket.high or math.inf)
        return DepthCurve(points, shaded, trainable_depth_text(series), estimate.d50 if estimate else None)

    rows = {series.name: curve(series) for series in shown}
    depths = "; ".join(f"{series.name} {trainable_depth_text(series)}" for series in shown)
    explanation = (
        "The diamond is the trainable depth D50 by a penalized logistic fit in the logarithm of the depth. The shading "
        "and the text give its 95 % interval, which always includes the two adjacent depths between which the share "
        "falls below one half."
        if any(series.estimate for series in shown)
        else "The shading and the text give the two depths between which the share falls below one half, and so the "
        "trainable depth D50 lies."
    )
    return ReportFigure(
        "depth",
        "How deep each arm trains",
        f"Share of trained seeds against depth, a panel per arm. Half of the seeds train to depth: {depths}.",
        f"Share of seeds that are trained, with 95 % Wilson intervals. {explanation}{left_out}",
        lambda width: depth_curves(rows, width),
    )


def _rate_map(group: CellGroup) -> ReportFigure:
    rows: dict[str, dict[tuple[int, float], tuple[int, int]]] = {}
    for series in group.series:
        if LR_KEY in series.rest:
            rest = [f"{key}={value}" for key, value in series.rest.items() if key != LR_KEY]
            cells = rows.setdefault(" ".join([series.arm, *rest]), {})
            for depth, cell in series.cells.items():
                share = trained_share(cell)
                cells[depth, float(series.rest[LR_KEY])] = share.count, share.total
    return ReportFigure(
        "rates",
        "Depth and learning rate",
        f"How many seeds are trained at each depth and learning rate, a panel for each of {len(rows)} arms.",
        "Number of trained seeds among those with a verdict. Picking an arm's best rate on the same seeds biases its "
        "result upward; with tuning_seeds the rate is picked on separate seeds.",
        lambda width: rate_map(rows, group.depths, group.rates, width),
    )


def _layer_figures(group: CellGroup, shown: Sequence[DepthSeries]) -> Iterator[ReportFigure]:
    by_quantity: dict[str, Curves] = {}
    for series in shown:
        for depth, cell in series.cells.items():
            for quantity, curve in layer_curves(cell).items():
                by_quantity.setdefault(quantity, {}).setdefault(series.name, {})[_depth_label(depth)] = curve
    labels = [_depth_label(depth) for depth in group.depths]
    for quantity, rows in by_quantity.items():
        yield _layer_figure(quantity, rows, labels)


def _layer_figure(quantity: str, rows: Curves, labels: list[str]) -> ReportFigure:
    title = quantity_display(quantity).title
    lows = np.concatenate([curve.low for row in rows.values() for curve in row.values()])
    is_log = bool((lows[np.isfinite(lows)] > 0).all())
    return ReportFigure(
        "layers-" + re.sub(r"[^\w.-]+", "-", quantity),
        f"Layer by layer: {title}",
        f"{title} of each layer at the end of training, a panel for each of {len(rows)} arms, a curve for each depth.",
        "At the last measured step: the mean over the finite seeds, with a band from the least to the largest.",
        lambda width: curve_panels(rows, labels, AxesSpec("layer", quantity.replace("_", " "), log=is_log), width),
    )
