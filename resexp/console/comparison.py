"""A comparison as text: the seeds it needs, its tables, and what they mean in plain words. Imports no torch."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.analysis.compare import Comparison, ComparisonRow, EffectRow
from resexp.analysis.sentences import (
    baseline_text,
    comparison_text,
    factorial_text,
    p_text,
    ratio_text,
    seed_requirements,
)
from resexp.analysis.tuning import LR_KEY, RateChoice
from resexp.console.matrix import Matrix
from resexp.console.tables import COLORS
from resexp.formats import loss_text
from resexp.record.result import mean
from resexp.stats.paired import LEVEL, PairedResult
from resexp.stats.verdict import VERDICTS


class ComparisonView:
    """All that `resexp compare` prints."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        found = self.comparison
        yield Text.assemble(("A ", "bold"), found.a, ("   B ", "bold"), found.b, "   paired by seed")
        yield from self._needs([row.paired for row in found.rows], "comparison")
        yield from self._notes()
        yield _rows_table(found.rows)
        yield Text(comparison_text(found.rows), "dim")
        if found.effects:
            yield Text("\nThe factorial of residual × norm", "bold")
            yield from self._needs([e.effect.paired for e in found.effects], "effect")
            yield _effects_table(found.effects)
            yield Text(factorial_text(found.effects), "dim")
        if found.tuning_seeds:
            yield Text("\nVerdicts at every learning rate", "bold")
            yield Matrix(found.cells)
            yield Text("Sensitivity to the learning rate", "bold")
            yield _sensitivities(found.rows)
            yield Text(
                "What a rate costs over the best of these, in nats, on average; a loss above ℓ0 counts as ℓ0.", "dim"
            )

    def _notes(self) -> Iterator[Text]:
        found = self.comparison
        if found.tuning_seeds:
            chosen = ", ".join(map(str, found.tuning_seeds))
            yield Text(
                f"each arm at its own best learning rate, chosen on seeds {chosen}, compared on the others", "dim"
            )
        if found.left_out:
            cells = f"{found.left_out} cell{'s' * (found.left_out > 1)}"
            yield Text(f"{cells} left out: not done, or without a bar", "yellow")
        unpaired = sorted({seed for row in found.rows for seed in row.unpaired} - {*found.tuning_seeds})
        if unpaired:
            yield Text(f"seeds that only some cells have, and so left out: {', '.join(map(str, unpaired))}", "yellow")
        if any(arm.at_edge for row in found.rows for match in row.matches for arm in (match.a, match.b)):
            yield Text("a best learning rate is the lowest or highest there was: a better one may lie beyond", "yellow")

    def _needs(self, family: Sequence[PairedResult], what: str) -> Iterator[Text]:
        """The seeds that the tests need, and a warning where they are missing."""
        for text, warns in seed_requirements(family, what, self.comparison.seeds_missing):
            yield Text(text, "yellow" if warns else "")


def _table(keys: Sequence[str], *names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for key in keys:
        table.add_column(key, justify="right")
    for name in names:
        table.add_column(name, justify="right" if name.startswith("p ") else "left")
    return table


def _rows_table(rows: Sequence[ComparisonRow]) -> Table:
    p = "p (Holm)" if len(rows) > 1 else "p "
    table = _table([*rows[0].where], "A", "B", "loss A ÷ B [95 %]", p, "in nats")
    for row in rows:
        a, b = (_arms([getattr(match, side) for match in row.matches], row.seeds) for side in "ab")
        ratio, word = ratio_text(row.paired.mean, row.paired.interval), row.equivalence.word
        table.add_row(*row.where.values(), a, b, ratio, _p(row.p_adjusted), word)
    return table


def _sensitivities(rows: Sequence[ComparisonRow]) -> Table:
    table = _table([*rows[0].where], "A", "B")
    for row in rows:
        sides = ([match.a for match in row.matches], [match.b for match in row.matches])
        means = (mean(arm.sensitivity for arm in arms) for arms in sides)
        table.add_row(*row.where.values(), *map(loss_text, means))
    return table


def _effects_table(effects: Sequence[EffectRow]) -> Table:
    table = _table([*effects[0].where], "effect", "held against", "loss × [95 %]", "p (Holm)")
    last: list[str] = []
    for row in effects:
        where = [*row.where.values()]
        if last and last != where:
            table.add_section()
        ratio = ratio_text(row.effect.paired.mean, row.effect.paired.interval)
        table.add_row(*where, row.effect.name, baseline_text(row), ratio, _p(row.p_adjusted))
        last = where
    return table


def _arms(arms: Sequence[RateChoice], seeds: Sequence[int]) -> Text:
    """The verdicts of the seeds compared, and the learning rates where there was a choice."""
    counts = Counter(arm.test.verdict(r) for arm in arms for r in arm.test.replicates if r.seed in seeds)
    parts = [Text(f"{counts[word]} {word}", COLORS[word]) for word in VERDICTS if counts[word]]
    parts += [Text(f"{counts[None]} no verdict", "dim")] if counts[None] else []
    chosen = [arm for arm in arms if LR_KEY in arm.test.flat and arm.tuned]
    rates = {f"lr {arm.lr:g}" + "\nat the edge" * arm.at_edge for arm in chosen}
    return Text("\n").join([*(parts or [Text("–")]), *(Text(rate, "dim") for rate in sorted(rates))])


def _p(value: float) -> Text:
    return Text(p_text(value), "bold" if value <= LEVEL else "")
