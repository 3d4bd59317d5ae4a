"""The HTML page: data and texts for the template, which escapes them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from resexp.analysis.compare import EffectRow
from resexp.analysis.costs import MEASURES, CostRow, norm_costs
from resexp.analysis.group_tests import RivalComparison, group_effects, rival_comparisons
from resexp.analysis.groups import CellGroup, DepthSeries, group_cells
from resexp.analysis.headline import summarize
from resexp.analysis.sentences import (
    baseline_text,
    comparison_text,
    cost_ratio_text,
    cost_text,
    d50_interval_text,
    d50_text,
    factorial_text,
    p_text,
    ratio_text,
    rival_text,
    seed_requirements,
    trainable_depth_text,
)
from resexp.analysis.tuning import LR_KEY
from resexp.config.names import ID_DIGITS
from resexp.figures.palette import DARK_CSS, MARKS, VERDICT_COLORS, VERDICT_INKS
from resexp.formats import accuracy_text, duration, interval_text, loss_text, plural, scaled
from resexp.record.result import CellResult, mean
from resexp.report.commands import environments, run_command, sweep_command
from resexp.report.drawing import ReportFigure, report_figures
from resexp.report.source import ReportSource

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """A group of cells on the page, its figures, and the folder of their files relative to the page."""

    group: CellGroup
    figures: list[ReportFigure]
    folder: str


def sections(source: ReportSource, output: Path) -> list[Section]:
    """Return a section for each group of cells; `output` is the path of the page."""
    groups = group_cells(source.results)
    several = len(groups) > 1
    return [
        Section(group, [*report_figures(group)], f"{output.stem}/{_slug(group.title)}" if several else output.stem)
        for group in groups
    ]


def _slug(title: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in title.replace(", ", "-"))


def render(source: ReportSource, sections: Sequence[Section], output: Path) -> str:
    """Return the page as one self-contained HTML document."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdicts = {word: (MARKS[word], color, VERDICT_INKS[word]) for word, color in VERDICT_COLORS.items()}
    page = environment.get_template("page.html").render(
        css=Markup((HERE / "page.css").read_text("utf-8") + DARK_CSS),  # noqa: S704 (our own file)
        verdicts=verdicts,
        sections=[_section(section, n) for n, section in enumerate(sections)],
        about=_about(source),
        failures=[cell for cell in source.results if cell.status != "done"],
        noted=[cell for cell in source.results if cell.status == "done" and cell.notes],
        runs=[_run(cell, output) for cell in source.results],
        environments=environments(source.results),
        command=sweep_command(source.manifest),
        anchor=anchor,
    )
    return page + "\n"


def anchor(cell: CellResult) -> str:
    """Return the id of a run's row on the page."""
    return f"run-{cell.id[:ID_DIGITS]}"


def _section(section: Section, n: int) -> dict[str, Any]:
    group, costs = section.group, norm_costs(section.group.results)
    return {
        "title": group.title,
        "summary": summarize(group),
        "figures": [_figure(figure, section.folder, f"g{n}-{figure.name}") for figure in section.figures],
        "depths": group.depths,
        "rows": [
            [series.name, trainable_depth_text(series), [_map_cell(series.cells.get(d)) for d in group.depths]]
            for series in group.series
        ],
        "trainable_depths": [_trainable_depth(series) for series in group.tuned.series if series.estimate],
        "tuned": bool(group.tuning_seeds),
        "rivals": _rivals(rival_comparisons(group)),
        "factorial": _factorial(group_effects(group)),
        "costs": [_cost(row) for row in costs],
        "cost_text": cost_text(costs),
        "measures": [*MEASURES],
        "references": group.references,
        "loss_text": loss_text,
    }


def _trainable_depth(series: DepthSeries) -> dict[str, Any]:
    """Return a row of the table of trainable depths."""
    assert series.estimate
    shares = [(series.cells[depth], f"{s.count}/{s.total} at {depth}") for depth, s in series.shares.items()]
    rates = dict.fromkeys(f"{cell.flat[LR_KEY]:g}" for cell, _ in shares if LR_KEY in cell.flat)
    return {
        "name": series.name,
        "d50": d50_text(series.estimate),
        "interval": d50_interval_text(series.estimate),
        "monotone": series.bracket.monotone,
        "shares": shares,
        "rates": ", ".join(rates),
    }


def _rivals(comparisons: Sequence[RivalComparison]) -> dict[str, Any] | None:
    """Return the table of the deepest arm against the others, with the texts above and below it."""
    if not comparisons:
        return None
    rows = [comparison.row for comparison in comparisons]
    tests = [(ratio_text(r.paired.mean, r.paired.interval), p_text(r.p_adjusted), r.equivalence.word) for r in rows]
    return {
        "rows": [*zip(comparisons, map(rival_text, comparisons), tests, strict=True)],
        "needs": [*seed_requirements([row.paired for row in rows], "comparison", _seeds_missing)],
        "text": comparison_text(rows),
    }


def _factorial(effects: Sequence[EffectRow]) -> dict[str, Any] | None:
    """Return the table of effects, with the texts above and below it."""
    if not effects:
        return None
    rows = [
        (
            [*row.where.values()],
            row.effect.name,
            baseline_text(row),
            ratio_text(row.effect.paired.mean, row.effect.paired.interval),
            p_text(row.p_adjusted),
        )
        for row in effects
    ]
    needs = seed_requirements([row.effect.paired for row in effects], "effect", _seeds_missing)
    return {"where": [*effects[0].where], "rows": rows, "needs": [*needs], "text": factorial_text(effects)}


def _seeds_missing(needed: int, have: int) -> int:
    return needed - have


def _cost(row: CostRow) -> tuple[str, int, list[tuple[str, str] | None], Sequence[CellResult]]:
    ratios = [(f"× {ratio.mean:.2f}", cost_ratio_text(ratio)) if ratio else None for ratio in row.ratios.values()]
    return row.name, row.pairs, ratios, row.cells


def _figure(figure: ReportFigure, folder: str, name: str) -> dict[str, Any]:
    wide, narrow = map(Markup, figure.elements(name))  # matplotlib escapes the texts
    files = {suffix: quote(f"{folder}/{figure.name}.{suffix}") for suffix in ("svg", "png")}
    return {"drawing": figure, "id": name, "wide": wide, "narrow": narrow, "files": files}


def _map_cell(cell: CellResult | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    flags = sorted({flag for r in cell.replicates for flag in cell.shown_flags(r)}) if cell.status == "done" else []
    loss = loss_text(mean(r.loss_train for r in cell.replicates))
    return {"cell": cell, "counts": cell.verdict_counts, "loss": loss, "flags": flags}


def _about(source: ReportSource) -> list[str]:
    """Return the parts of the line below the headline: data sets and models, cells, seeds, steps, time, date."""
    results = source.results
    seeds = sorted({len(cell.replicates) for cell in results if cell.replicates})
    steps = sorted({cell.flat.get("steps", 0) for cell in results})
    parts = [" and ".join(group.title for group in group_cells(results)), plural(len(results), "cell")]
    for values, noun in ((seeds, "seed"), (steps, "step")):
        if len(values) == 1:
            parts.append(plural(values[0], noun))
        elif values:
            parts.append(f"{interval_text(values[0], values[-1], '{:,}'.format)} {noun}s")
    parts.append(f"{duration(sum(cell.seconds or 0.0 for cell in results))} of training")
    started = (source.manifest or {}).get("started")
    return [*parts, str(started)[:10]] if started else parts


def _run(cell: CellResult, output: Path) -> dict[str, Any]:
    """Return a row of the table of runs."""
    link = os.path.relpath(cell.path, output.absolute().parent)
    cost = cell.cost
    return {
        "cell": cell,
        "href": None if link.startswith("..") else quote(link),
        "counts": cell.verdict_counts,
        "seeds": _ranges([r.seed for r in cell.replicates]) or "–",
        "loss": loss_text(mean(r.loss_train for r in cell.replicates)),
        "accuracy": accuracy_text(mean(r.accuracy_val for r in cell.replicates)),
        "parameters": f"{cost.parameters:,}" if cost else "–",
        "flops": scaled(cost.flops, "FLOP") if cost and cost.flops else "–",
        "saved": scaled(cost.saved, "B") if cost and cost.saved else "–",
        "step": f"{1000 * cost.step_seconds / cost.replicates:.3g} ms" if cost and cost.step_seconds else "–",
        "time": duration(cell.seconds),
        "command": run_command(cell),
    }


def _ranges(numbers: Iterable[int]) -> str:
    """Return numbers with consecutive ones joined: `0–4, 7`."""
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1] = [ranges[-1][0], number]
        else:
            ranges.append([number])
    return ", ".join("–".join(map(str, ends)) for ends in ranges)
