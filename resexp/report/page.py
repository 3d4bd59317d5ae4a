"""The page: what is gathered, as plain text and numbers, put into the template, which escapes it."""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from resexp.analysis.compare import EffectRow
from resexp.analysis.costs import MEASURES, Ratio, costs, price
from resexp.analysis.groups import Group, Line, counts, groups
from resexp.analysis.headline import answer, half_text
from resexp.analysis.sentences import (
    d50_interval_text,
    d50_text,
    effects_words,
    held_against,
    needs,
    p_text,
    ratio_text,
    rows_words,
)
from resexp.analysis.statements import Statement, factorials, statements
from resexp.analysis.tuning import KEY
from resexp.config.names import ID_DIGITS, arm_of
from resexp.figures.palette import DARK_CSS, MARKS, VERDICT_COLORS, VERDICT_INKS
from resexp.formats import accuracy_text, duration, loss_text, scaled
from resexp.record.files import read_json
from resexp.record.result import CellResult, mean
from resexp.record.store import RUN
from resexp.report.drawing import Drawing, drawings
from resexp.report.source import Source

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Part:
    """A group of cells on the page; its figures' files lie in `folder`, as written in links."""

    group: Group
    figures: list[Drawing]
    folder: str


def parts(source: Source, output: Path) -> list[Part]:
    """The groups of a source, each with its figures and where their files go: from the page, and to be written."""
    found = groups(source.results)
    several = len(found) > 1
    return [
        Part(group, [*drawings(group)], f"{output.stem}/{_slug(group.title)}" if several else output.stem)
        for group in found
    ]


def _slug(title: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in title.replace(", ", "-"))


def render(source: Source, found: Sequence[Part], output: Path) -> str:
    """The page as HTML, complete in itself."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdicts = {word: (MARKS[word], color, VERDICT_INKS[word]) for word, color in VERDICT_COLORS.items()}
    page = environment.get_template("page.html").render(
        css=Markup((HERE / "page.css").read_text("utf-8") + DARK_CSS),  # noqa: S704 (ours)
        verdicts=verdicts,
        parts=[_part(part, n) for n, part in enumerate(found)],
        about=_about(source),
        failures=[cell for cell in source.results if cell.status != "done"],
        noted=[cell for cell in source.results if cell.status == "done" and cell.notes],
        runs=[_run(cell, output) for cell in source.results],
        environments=_environments(source.results),
        command=_command(source.sweep),
        anchor=anchor,
    )
    return page + "\n"


def anchor(cell: CellResult) -> str:
    """Where on the page a run is."""
    return f"run-{cell.id[:ID_DIGITS]}"


def _part(part: Part, n: int) -> dict[str, Any]:
    group, lines, priced = part.group, part.group.lines, costs(part.group.results)
    return {
        "title": group.title,
        "answer": answer(group),
        "figures": [_figure(drawing, part.folder, f"g{n}-{drawing.name}") for drawing in part.figures],
        "depths": group.depths,
        "rows": [[line.name, half_text(line), [_cell(line.cells.get(d)) for d in group.depths]] for line in lines],
        "located": [_located(line) for line in group.fair.lines if line.located],
        "tuned": bool(group.tuning),
        "statements": _statements(statements(group)),
        "factorial": _factorial(factorials(group)),
        "costs": [[row.name, row.pairs, [_ratio(r) for r in row.ratios.values()], row.cells] for row in priced],
        "price": price(priced),
        "measures": [*MEASURES],
        "references": group.references,
        "losses": loss_text,
    }


def _located(line: Line) -> dict[str, Any]:
    """A row of the table of trainable depths."""
    assert line.located
    shares = [(line.cells[depth], f"{s.count}/{s.total} at {depth}") for depth, s in line.shares.items()]
    rates = dict.fromkeys(f"{cell.flat[KEY]:g}" for cell, _ in shares if KEY in cell.flat)
    return {
        "name": line.name,
        "half": line.half,
        "d50": d50_text(line.located),
        "interval": d50_interval_text(line.located),
        "shares": shares,
        "rates": ", ".join(rates),
    }


def _statements(found: Sequence[Statement]) -> dict[str, Any] | None:
    """The table of statements, and the words above and below it."""
    if not found:
        return None
    rows = [statement.row for statement in found]
    tests = [(ratio_text(r.paired.mean, r.paired.interval), p_text(r.p_adjusted), r.equivalence.word) for r in rows]
    return {
        "rows": [*zip(found, tests, strict=True)],
        "needs": [*needs([row.paired for row in rows], "comparison", _missing)],
        "words": rows_words(rows),
    }


def _factorial(found: Sequence[EffectRow]) -> dict[str, Any] | None:
    if not found:
        return None
    rows = [
        (
            [*row.where.values()],
            row.effect.name,
            held_against(row),
            ratio_text(row.effect.paired.mean, row.effect.paired.interval),
            p_text(row.p_adjusted),
        )
        for row in found
    ]
    family = [row.effect.paired for row in found]
    words = {"needs": [*needs(family, "effect", _missing)], "words": effects_words(found)}
    return {"where": [*found[0].where], "rows": rows, **words}


def _missing(needed: int, have: int) -> int:
    return needed - have


def _figure(drawing: Drawing, folder: str, name: str) -> dict[str, Any]:
    wide, narrow = map(Markup, drawing.elements(name))  # matplotlib escapes the texts
    files = {kind: quote(f"{folder}/{drawing.name}.{kind}") for kind in ("svg", "png")}
    return {"drawing": drawing, "id": name, "wide": wide, "narrow": narrow, "files": files}


def _cell(cell: CellResult | None) -> dict[str, Any] | None:
    if cell is None:
        return None
    flags = sorted({flag for r in cell.replicates for flag in cell.shown_flags(r)}) if cell.status == "done" else []
    loss = loss_text(mean(r.loss_train for r in cell.replicates))
    return {"cell": cell, "counts": counts(cell), "loss": loss, "flags": flags}


def _ratio(ratio: Ratio | None) -> tuple[str, str] | None:
    return None if ratio is None else (f"× {ratio.mean:.2f}", ratio.span)


def _about(source: Source) -> list[str]:
    """The line below the headline."""
    results = source.results
    seeds = sorted({len(cell.replicates) for cell in results if cell.replicates})
    steps = sorted({cell.flat.get("steps", 0) for cell in results})
    words = [" and ".join(group.title for group in groups(results))]
    words.append(f"{len(results)} cell{'s' * (len(results) > 1)}")
    for values, unit in ((seeds, "seed"), (steps, "step")):
        if values:
            span = f"{values[0]:,}" if len(values) == 1 else f"{values[0]:,} to {values[-1]:,}"
            words.append(f"{span} {unit}{'s' * (values[-1] > 1)}")
    words.append(f"{duration(sum(cell.seconds or 0.0 for cell in results))} of training")
    started = (source.sweep or {}).get("started")
    return [*words, str(started)[:10]] if started else words


def _run(cell: CellResult, output: Path) -> dict[str, Any]:
    """A row of the table of runs: everything by which a number can be traced."""
    place = os.path.relpath(cell.path, output.absolute().parent)
    trainings = _trainings(cell)
    overrides = trainings[-1].get("overrides") if trainings else None
    cost = cell.cost
    step = f"{1000 * cost.step_seconds / cost.replicates:.3g} ms" if cost and cost.step_seconds else "–"
    return {
        "cell": cell,
        "href": None if place.startswith("..") else quote(place),
        "arm": arm_of(cell.choices),
        "counts": counts(cell),
        "seeds": _spans([r.seed for r in cell.replicates]) or "–",
        "loss": loss_text(mean(r.loss_train for r in cell.replicates)),
        "accuracy": accuracy_text(mean(r.accuracy_val for r in cell.replicates)),
        "parameters": f"{cost.parameters:,}" if cost else "–",
        "work": scaled(cost.flops, "FLOP") if cost and cost.flops else "–",
        "saved": scaled(cost.saved, "B") if cost and cost.saved else "–",
        "step": step,
        "time": duration(cell.seconds),
        "command": shlex.join(["resexp", "train", *map(str, overrides)]) if isinstance(overrides, list) else None,
    }


def _spans(numbers: Iterable[int]) -> str:
    """`0–4, 7`."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    return ", ".join("–".join(map(str, span)) for span in spans)


def _trainings(cell: CellResult) -> list[dict[str, Any]]:
    about = read_json(Path(cell.path) / RUN) or {}
    found = about.get("trainings")
    return [t for t in found if isinstance(t, dict)] if isinstance(found, list) else []


def _environments(results: Iterable[CellResult]) -> list[dict[str, str]]:
    """Where the cells were trained, each different place once."""
    return [dict(items) for items in dict.fromkeys(tuple(e.items()) for cell in results for e in _places(cell))]


def _places(cell: CellResult) -> Iterator[dict[str, str]]:
    for training in _trainings(cell):
        versions = training.get("versions")
        packages = versions.items() if isinstance(versions, dict) else ()
        yield {
            "git commit": str(training.get("git") or "not in a checkout"),
            "device": str(training.get("device", "unknown")),
            "Python": str(training.get("python", "unknown")),
            **{str(name): str(version) for name, version in packages},
        }


def _command(sweep: dict[str, Any] | None) -> str | None:
    """The command line of the sweep."""
    given = (sweep or {}).get("command")
    return shlex.join(["resexp", *map(str, given[1:])]) if isinstance(given, list) and len(given) > 1 else None
