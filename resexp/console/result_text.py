"""Results in words: verdicts, means over seeds, failures. Imports no torch."""

import math
from collections.abc import Callable, Iterable

from rich.text import Text

from resexp.console.listing import Lines
from resexp.formats import accuracy_text, duration, loss_text
from resexp.record.result import CellResult, mean
from resexp.stats.scores import Scores

VERDICT_COLORS = {"trained": "green", "slow": "yellow", "stuck": "red", "diverged": "magenta"}
STATUS_COLORS = {"done": "green", "failed": "red", "interrupted": "yellow", "running": "cyan", "waiting": "dim"}


def spread(values: Iterable[float | None], text: Callable[[float | None], str] = loss_text) -> str:
    """Return mean ± standard deviation of the finite values, each formatted by `text`."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    center = mean(finite)
    if center is None or len(finite) == 1:
        return text(center)
    return f"{text(center)} ± {text(math.hypot(*(v - center for v in finite)) / math.sqrt(len(finite) - 1))}"


def verdicts_text(result: CellResult) -> Text:
    """Return `5 trained` or `3 trained, 2 slow`; the status of a cell that is not done."""
    return Text(", ").join(Text(words, style) for words, style in verdict_lines(result))


def verdict_lines(result: CellResult) -> Lines:
    """Return the parts of `verdicts_text` with their colors, a line each."""
    if result.status != "done":
        return ((result.status, STATUS_COLORS[result.status]),)
    lines = tuple((f"{count} {word}", VERDICT_COLORS[word]) for word, count in result.verdict_counts.items())
    return lines or (("no verdict", "dim"),)


def steps_to_target_text(scores: Scores) -> str:
    """Return the steps to the target loss: `120`, or `> 300` if 300 steps did not reach it."""
    return "–" if scores.steps_to_target is None else f"{'> ' * bool(scores.censored)}{scores.steps_to_target}"


def summary(result: CellResult) -> Text:
    """Return a cell in one line: verdicts, training loss, validation accuracy, time."""
    losses, accuracies = ([getattr(r, k) for r in result.replicates] for k in ("loss_train", "accuracy_val"))
    if result.status != "done":
        return verdicts_text(result)
    means = f" · train loss {spread(losses)} · val accuracy {spread(accuracies, accuracy_text)}"
    return verdicts_text(result).append(means, "default").append(f" · {duration(result.seconds)}", "default")


def failure_lines(results: Iterable[CellResult]) -> list[str]:
    """Return a line for each cell that is not done."""
    return [f"{r.status}: {r.name}: {r.error or 'not done'}" for r in results if r.status != "done"]
