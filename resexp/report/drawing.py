"""The figures of a group of cells, with what they show in words."""

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure

from resexp.analysis.groups import Group, Line, counts, share
from resexp.analysis.headline import answer, half_text
from resexp.analysis.tuning import KEY
from resexp.figures import style
from resexp.figures.curve_panels import Curve, Scale, curve_panels
from resexp.figures.depth_curves import DepthCurve, Point, depth_curves
from resexp.figures.rate_map import rate_map
from resexp.figures.trainability_map import Counts, trainability_map
from resexp.formats import loss_text
from resexp.report.curves import layer_curves, loss_curve

MOST = 24
"""Arms in a figure of curves; the map has all."""


@dataclass(frozen=True)
class Drawing:
    """A figure: the name of its files, a heading, what it shows to those who do not see it, how to read it."""

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
        """For a page, a wide and a narrow one, under a name of their own there."""
        word = re.sub(r"\W", "-", name)
        narrow = style.svg(self.draw(style.NARROW))
        return style.element(self._wide[1], f"{word}-w"), style.element(narrow, f"{word}-n")

    def files(self) -> dict[str, bytes]:
        """As files, by name."""
        figure, svg = self._wide
        return {f"{self.name}.svg": style.alone(svg).encode("utf-8", "replace"), f"{self.name}.png": style.png(figure)}


def drawings(group: Group) -> Iterator[Drawing]:
    """Every figure that there is something for, in the order of reading."""
    yield _map(group)
    lines = group.lines[:MOST]
    left_out = f" The first {MOST} of {len(group.lines)} arms." if len(group.lines) > MOST else ""
    judged = [line for line in group.fair.lines if len(line.shares) > 1]
    if judged:
        more = f" The first {MOST} of {len(judged)} arms." if len(judged) > MOST else ""
        yield _depth_curves(judged[:MOST], more)
    if group.rates:
        yield _rates(group)
    losses = {line.name: _losses(line) for line in lines}
    if any(losses.values()):
        yield _loss_curves(group, losses, left_out)
    yield from _profiles(group, lines)


def _map(group: Group) -> Drawing:
    def note(line: Line, depth: int) -> Counts | None:
        cell = line.cells.get(depth)
        return Counts(counts(cell), "no verdict" if cell.status == "done" else cell.status) if cell else None

    rows = {line.name: [note(line, depth) for depth in group.depths] for line in group.lines}
    size = f"{len(rows)} arms at {len(group.depths)} depths" if len(rows) > 1 else f"{next(iter(rows))}"
    return Drawing(
        "map",
        "Trainability map",
        f"Trainability map of {group.title}: {size}. {answer(group).headline}. The table below has every number.",
        "What became of the seeds of each arm, the deepest-trained arm first. A cell is divided among the verdicts.",
        lambda width: trainability_map(rows, group.depths, width),
    )


def _losses(line: Line) -> dict[str, Curve]:
    found = {f"depth {depth}": loss_curve(cell) for depth, cell in line.cells.items()}
    return {key: curve for key, curve in found.items() if curve}


def _loss_curves(group: Group, losses: dict[str, dict[str, Curve]], left_out: str) -> Drawing:
    keys = [f"depth {depth}" for depth in group.depths]
    curves = [curve for row in losses.values() for curve in row.values()]
    levels = {}
    if len(group.references) == 1:
        (reference,) = group.references
        levels = {"constant guess": reference.loss_constant}
        if reference.loss_target is not None:
            levels["trained at or below"] = reference.loss_target
    top = 100 * max([r.loss_constant for r in group.references], default=math.inf)
    ends = [(curve.low[np.isfinite(curve.low)], curve.high[np.isfinite(curve.high)]) for curve in curves]
    low = min((float(low.min()) for low, _ in ends if len(low)), default=1.0)
    high = max((float(high.max()) for _, high in ends if len(high)), default=1.0)
    high = max(min(1.4 * high, top), *(1.2 * level for level in levels.values()), 1e-5)
    limits = (min(max(0.7 * low, 1e-6), high / 10), high)
    scale = Scale("step", "training loss (nats)", limits=limits, levels=levels)
    bar = f" A seed is trained at or below {loss_text(levels['trained at or below'])} nats." if len(levels) > 1 else ""
    return Drawing(
        "losses",
        "Loss curves",
        f"Training loss against steps, a panel for each of {len(losses)} arms, a curve for each depth.{bar}",
        "Minibatch loss in nats, log scale: the mean over the finite seeds, in a band from the least to the largest; "
        f"× where no finite seed is left. What leaves a panel at the top is over 100 times a constant guess.{left_out}",
        lambda width: curve_panels(losses, keys, scale, width),
    )


def _depth_curves(lines: list[Line], left_out: str) -> Drawing:
    def curve(line: Line) -> DepthCurve:
        points = [Point(depth, s.value, *s.interval()) for depth, s in line.shares.items()]
        found, between = line.located, None
        if found:
            between = (found.low or 0.0, found.high or math.inf)
        elif line.half.monotone:
            between = (line.half.low or 0.0, line.half.high or math.inf)
        return DepthCurve(points, between, half_text(line), found.d50 if found else None)

    rows = {line.name: curve(line) for line in lines}
    said = "; ".join(f"{line.name} {half_text(line)}" for line in lines)
    fitted = any(line.located for line in lines)
    told = (
        "The diamond is the trainable depth D50 by a penalized logistic fit in the logarithm of the depth; shaded, and "
        "in words, its 95 % interval, which is no finer than the depths between which the share passes a half."
        if fitted
        else "Shaded, and in words: between which of the depths tried the share passes a half, which is where the "
        "trainable depth D50 lies."
    )
    return Drawing(
        "depth",
        "How deep each arm trains",
        f"Share of trained seeds against depth, a panel per arm. Half of the seeds train to depth: {said}.",
        f"Share of the seeds that are trained, with 95 % Wilson intervals. {told}{left_out}",
        lambda width: depth_curves(rows, width),
    )


def _rates(group: Group) -> Drawing:
    rows: dict[str, dict[tuple[int, float], tuple[int, int]]] = {}
    for line in group.lines:
        if KEY in line.rest:
            rest = [f"{key}={value}" for key, value in line.rest.items() if key != KEY]
            cells = rows.setdefault(" ".join([line.arm, *rest]), {})
            for depth, cell in line.cells.items():
                found = share(cell)
                cells[depth, float(line.rest[KEY])] = found.count, found.total
    return Drawing(
        "rates",
        "Depth and learning rate",
        f"How many seeds are trained at each depth and learning rate, a panel for each of {len(rows)} arms.",
        "Trained seeds of those judged, at each depth and learning rate. The best rate of an arm, read off the same "
        "seeds, flatters it; tuning_seeds chooses it on others.",
        lambda width: rate_map(rows, group.depths, group.rates, width),
    )


def _profiles(group: Group, lines: list[Line]) -> Iterator[Drawing]:
    found: dict[str, dict[str, dict[str, Curve]]] = {}
    for line in lines:
        for depth, cell in line.cells.items():
            for quantity, curve in layer_curves(cell).items():
                found.setdefault(quantity, {}).setdefault(line.name, {})[f"depth {depth}"] = curve
    keys = [f"depth {depth}" for depth in group.depths]
    for quantity, rows in found.items():
        yield _profile(quantity, rows, keys)


def _profile(quantity: str, rows: dict[str, dict[str, Curve]], keys: list[str]) -> Drawing:
    said = quantity.replace("_", " ")
    lows = np.concatenate([curve.low for row in rows.values() for curve in row.values()])
    is_log = bool((lows[np.isfinite(lows)] > 0).all())
    return Drawing(
        "layers-" + re.sub(r"[^\w.-]+", "-", quantity),
        f"Layer by layer: {said}",
        f"{said} of each layer at the end of training, a panel for each of {len(rows)} arms, a curve for each depth.",
        "At the last step that was looked at: the mean over the finite seeds, in a band from the least to the largest.",
        lambda width: curve_panels(rows, keys, Scale("layer", said, log=is_log), width),
    )
