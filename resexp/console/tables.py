"""Results as text: the replicates of a cell, the list of runs. Imports no torch."""

import math
import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from resexp.analysis.tuning import LR_KEY, RateChoice
from resexp.config import cell as config
from resexp.config.fingerprint import SCHEMA
from resexp.config.names import arm_of
from resexp.console.listing import Cell, Lines, Listing, Side
from resexp.formats import accuracy_text, duration, loss_text
from resexp.record.result import CellResult, Replicate, differing_keys, mean
from resexp.stats.scores import Scores
from resexp.stats.verdict import VERDICTS

COLORS = {"trained": "green", "slow": "yellow", "stuck": "red", "diverged": "magenta"}
STATUS_COLORS = {"done": "green", "failed": "red", "interrupted": "yellow", "running": "cyan", "waiting": "dim"}
BARS = "▁▂▃▄▅▆▇█"


def console() -> Console:
    """Where everything is printed: colors and boxes on a terminal, plain lines elsewhere."""
    return Console(highlight=False)


def command() -> str:
    """The word by which the user calls this program."""
    return os.environ.get("RESEXP_COMMAND", "resexp")


def place(outputs: str) -> str:
    """What the next command has to be told of where the results are, with a space before it."""
    return "" if outputs == "outputs" else f" {shlex.quote(outputs)}"


def spread(values: Iterable[float | None], text: Callable[[float | None], str] = loss_text) -> str:
    """Mean ± standard deviation over seeds of what is finite."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    middle = mean(known)
    if middle is None or len(known) == 1:
        return text(middle)
    return f"{text(middle)} ± {text(math.hypot(*(v - middle for v in known)) / math.sqrt(len(known) - 1))}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The course of positive values on a log scale, in block characters."""
    finite = [math.log(max(v, 1e-6)) for v in values if math.isfinite(v)]
    if not finite:
        return ""
    buckets = [finite[i * len(finite) // width : (i + 1) * len(finite) // width] for i in range(width)]
    means = [fmean(b) for b in buckets if b] if len(finite) > width else finite
    low, span = min(means), max(max(means) - min(means), 1e-9)
    return "".join(BARS[min(7, int((m - low) / span * 8))] for m in means)


def verdicts(result: CellResult) -> Text:
    """`5 trained`, or `3 trained, 2 slow`; the status where it is not done."""
    return Text(", ").join(Text(words, style) for words, style in verdict_lines(result))


def verdict_lines(result: CellResult) -> Lines:
    """The same, each verdict on a line of its own."""
    if result.status != "done":
        return ((result.status, STATUS_COLORS[result.status]),)
    found = [result.verdict(r) for r in result.replicates]
    counts = [(word, found.count(word)) for word in VERDICTS]
    return tuple((f"{count} {word}", COLORS[word]) for word, count in counts if count) or (("no verdict", "dim"),)


def replicates_table(result: CellResult, scores: Mapping[int, Scores]) -> Table:
    """A row per seed; `scores` are the seeds'."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("seed", "verdict", "train loss", "val loss", "val accuracy", "score", "to target"):
        table.add_column(name, justify="left" if name == "verdict" else "right")
    for r in result.replicates:
        numbers = (loss_text(r.loss_train), loss_text(r.loss_val), accuracy_text(r.accuracy_val))
        scored = scores.get(r.seed, Scores())
        come_to = (*numbers, accuracy_text(scored.score), to_target(scored))
        table.add_row(str(r.seed), _verdict_text(result, r), *come_to)
    return table


def _verdict_text(result: CellResult, replicate: Replicate) -> Text:
    word = result.verdict(replicate)
    text = Text(word or "–", COLORS.get(word or "", "dim"))
    notes = [*result.shown_flags(replicate), *([] if replicate.finite else [f"at step {replicate.steps}"])]
    return text.append("".join(f" ({note})" for note in notes), "dim")


def to_target(scored: Scores) -> str:
    """The steps to the bar: `120`, or `> 300` where 300 did not do."""
    return "–" if scored.steps_to_target is None else f"{'> ' * bool(scored.censored)}{scored.steps_to_target}"


def runs_table(results: Sequence[CellResult], more: Mapping[str, Sequence[str]] | None = None) -> Listing:
    """A row per cell of an outputs directory: of several, what differs, and the digits that end their directories.

    `more`: columns in the place of accuracy and time, their texts by their names.
    """
    keys = differing_keys(results) if len(results) > 1 else []
    columns: dict[str, Side] = {**dict.fromkeys(keys, "right"), "arm": "left", "run": "left", "verdicts": "left"}
    texts = more or {
        "accuracy": [accuracy_text(mean(x.accuracy_val for x in r.replicates)) for r in results],
        "time": [duration(r.seconds) for r in results],
    }
    if {r.schema for r in results} != {SCHEMA}:
        texts = {"schema": [str(r.schema) for r in results], **texts}
    columns |= dict.fromkeys(("train loss", *texts), "right")
    rows = list[list[Cell]]()
    for r, *come_to in zip(results, *texts.values(), strict=True):
        flat, name = r.identity_text, r.name.rpartition("-")[2] if keys else r.name
        where = [*(flat.get(key, "–") for key in keys), arm_of(r.choices), name]
        rows.append([*where, verdict_lines(r), loss_text(mean(x.loss_train for x in r.replicates)), *come_to])
    return Listing(columns, rows)


def tuned(found: Sequence[RateChoice], tuning: Sequence[int]) -> Table:
    """A row per arm: its best learning rate, and what the other seeds came to with it."""
    caption = f"lr: the best on seeds {', '.join(map(str, tuning))}; what it came to: on the others"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=caption)
    keys = differing_keys([choice.test for choice in found])
    for key in (*(key for key in keys if key != LR_KEY), "arm", "best lr", "verdicts", "train loss"):
        table.add_column(key, justify="left" if key in ("arm", "verdicts") else "right")
    for choice in found:
        flat, arm = choice.test.identity_text, arm_of(choice.test.choices)
        loss = loss_text(mean(r.loss_train for r in choice.test.replicates))
        rate = f"{choice.lr:g}" + " (at the edge)" * choice.at_edge
        table.add_row(*(flat.get(k, "–") for k in keys if k != LR_KEY), arm, rate, verdicts(choice.test), loss)
    return table


def plan(cells: Sequence[config.Cell], left: Sequence[config.Cell]) -> Table:
    """A row per cell that a command asks for: what of it is to be trained."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=f"{len(cells)} cells, {len(left)} to train")
    table.add_column("cell", overflow="fold")
    table.add_column("seeds")
    missing = {str(cell.path): cell.settings.seed_list for cell in left}
    for cell in cells:
        seeds, known = missing.get(str(cell.path), ()), len(cell.settings.seed_list)
        parts = [Text(f"{len(seeds)} to train", "cyan")] if seeds else []
        parts += [Text(f"{known - len(seeds)} done", "green")] if len(seeds) < known else []
        table.add_row(cell.name, Text(", ").join(parts))
    return table


def estimate_text(seconds: float, memory: int, workers: int, threads: int) -> str:
    """An estimate in a line; `memory` in bytes."""
    where = f"{workers} worker{'s' * (workers > 1)} of {threads} thread{'s' * (threads > 1)}"
    return f"estimate: {duration(seconds)} on {where}, up to {memory / 2**30:.1f} GB of memory each"


def failures(results: Iterable[CellResult]) -> list[str]:
    """A line for each cell that is not done."""
    return [f"{r.status}: {r.name}: {r.error or 'not done'}" for r in results if r.status != "done"]


def summary(result: CellResult) -> Text:
    """The line that says it all."""
    losses, accuracies = ([getattr(r, k) for r in result.replicates] for k in ("loss_train", "accuracy_val"))
    if result.status != "done":
        return verdicts(result)
    rest = f" · train loss {spread(losses)} · val accuracy {spread(accuracies, accuracy_text)}"
    return verdicts(result).append(rest, "default").append(f" · {duration(result.seconds)}", "default")


def shown_path(path: str | Path) -> str:
    """A path as the user would type it from here."""
    absolute = Path(path)
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
