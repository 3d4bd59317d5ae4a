"""A comparison: the seeds it needs, its tables, and what they mean, in words. Imports no torch."""

from collections import Counter
from collections.abc import Iterator, Sequence

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
from resexp.console.result_text import VERDICT_COLORS
from resexp.console.terminal import plain_table
from resexp.formats import loss_text, plural, seeds_text
from resexp.record.result import mean
from resexp.stats.paired import LEVEL, PairedResult
from resexp.stats.verdict import VERDICTS


class ComparisonView:
    """The output of `resexp compare`."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        comparison = self.comparison
        yield Text.assemble(("A ", "bold"), comparison.a, ("   B ", "bold"), comparison.b, "   paired by seed")
        yield from self._seed_requirements([row.paired for row in comparison.rows], "comparison")
        yield from self._notes()
        yield _comparisons_table(comparison.rows)
        yield Text(comparison_text(comparison.rows), "dim")
        if comparison.effects:
            yield Text("\nFactorial of residual × norm", "bold")
            yield from self._seed_requirements([e.effect.paired for e in comparison.effects], "effect")
            yield _effects_table(comparison.effects)
            yield Text(factorial_text(comparison.effects), "dim")
        if comparison.tuning_seeds:
            yield Text("\nVerdicts at every learning rate", "bold")
            yield Matrix(comparison.cells)
            yield Text("Sensitivity to the learning rate", "bold")
            yield _sensitivity_table(comparison.rows)
            yield Text(
                "Mean excess loss over the best of these learning rates, in nats; a loss above ℓ0 counts as ℓ0.", "dim"
            )

    def _notes(self) -> Iterator[Text]:
        comparison = self.comparison
        if comparison.tuning_seeds:
            chosen = f"chosen on {seeds_text(comparison.tuning_seeds)}, compared on the other seeds"
            text = f"each arm at its own best learning rate, {chosen}"
            yield Text(text, "dim")
        if comparison.left_out:
            yield Text(f"left out: {plural(comparison.left_out, 'cell')} not done or without a target loss", "yellow")
        unpaired = sorted({seed for row in comparison.rows for seed in row.unpaired} - {*comparison.tuning_seeds})
        if unpaired:
            yield Text(f"left out: {seeds_text(unpaired)}, which only some cells have", "yellow")
        if any(arm.at_edge for row in comparison.rows for match in row.matches for arm in (match.a, match.b)):
            yield Text("a best learning rate is the lowest or highest tried: a better one may lie beyond", "yellow")

    def _seed_requirements(self, family: Sequence[PairedResult], noun: str) -> Iterator[Text]:
        """Yield how many seeds the tests need, and a warning if there are fewer."""
        for text, is_warning in seed_requirements(family, noun, self.comparison.seeds_missing):
            yield Text(text, "yellow" if is_warning else "")


def _table(keys: Sequence[str], *columns: str) -> Table:
    left = [name for name in columns if not name.startswith("p ")]
    return plain_table(*keys, *columns, left=left, compact=True)


def _comparisons_table(rows: Sequence[ComparisonRow]) -> Table:
    p = "p (Holm)" if len(rows) > 1 else "p "
    table = _table([*rows[0].where], "A", "B", "loss A ÷ B [95 %]", p, "in nats")
    for row in rows:
        a, b = (_arms_text([getattr(match, side) for match in row.matches], row.seeds) for side in "ab")
        ratio, word = ratio_text(row.paired.mean, row.paired.interval), row.equivalence.word
        table.add_row(*row.where.values(), a, b, ratio, _p_text(row.p_adjusted), word)
    return table


def _sensitivity_table(rows: Sequence[ComparisonRow]) -> Table:
    table = _table([*rows[0].where], "A", "B")
    for row in rows:
        sides = ([match.a for match in row.matches], [match.b for match in row.matches])
        means = (mean(arm.sensitivity for arm in arms) for arms in sides)
        table.add_row(*row.where.values(), *map(loss_text, means))
    return table


def _effects_table(effects: Sequence[EffectRow]) -> Table:
    table = _table([*effects[0].where], "effect", "compared with", "loss × [95 %]", "p (Holm)")
    previous: list[str] = []
    for row in effects:
        where = [*row.where.values()]
        if previous and previous != where:
            table.add_section()
        ratio = ratio_text(row.effect.paired.mean, row.effect.paired.interval)
        table.add_row(*where, row.effect.name, baseline_text(row), ratio, _p_text(row.p_adjusted))
        previous = where
    return table


def _arms_text(arms: Sequence[RateChoice], seeds: Sequence[int]) -> Text:
    """Return the verdicts of the seeds compared, and the learning rates if they were chosen among several."""
    counts = Counter(arm.test.verdict(r) for arm in arms for r in arm.test.replicates if r.seed in seeds)
    parts = [Text(f"{counts[word]} {word}", VERDICT_COLORS[word]) for word in VERDICTS if counts[word]]
    parts += [Text(f"{counts[None]} no verdict", "dim")] if counts[None] else []
    chosen = [arm for arm in arms if LR_KEY in arm.test.flat and arm.tuned]
    rates = {f"lr {arm.lr:g}" + "\nat the edge" * arm.at_edge for arm in chosen}
    return Text("\n").join([*(parts or [Text("–")]), *(Text(rate, "dim") for rate in sorted(rates))])


def _p_text(value: float) -> Text:
    return Text(p_text(value), "bold" if value <= LEVEL else "")
