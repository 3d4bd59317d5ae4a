"""A comparison as text: the seeds it needs, its tables, and what they mean in plain words. Imports no torch."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.console.tables import COLORS, Matrix
from resexp.record.result import CellResult, mean
from resexp.stats.compare import Comparison, EffectRow, Row
from resexp.stats.paired import LEVEL, Interval, Paired, seeds_needed
from resexp.stats.tuning import KEY, Choice
from resexp.stats.verdict import VERDICTS
from resexp.wording import loss_text


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
        yield _rows_words(found.rows)
        if found.effects:
            yield Text("\nThe factorial of residual × norm", "bold")
            yield from self._needs([e.effect.paired for e in found.effects], "effect")
            yield _effects_table(found.effects)
            yield _effects_words(found.effects)
        if found.tuning:
            yield Text("\nVerdicts at every learning rate", "bold")
            yield Matrix(found.cells)
            yield Text("Sensitivity to the learning rate", "bold")
            yield _sensitivities(found.rows)
            yield Text(
                "What a rate costs over the best of these, in nats, on average; a loss above ℓ0 counts as ℓ0.", "dim"
            )

    def _notes(self) -> Iterator[Text]:
        found = self.comparison
        if found.tuning:
            chosen = ", ".join(map(str, found.tuning))
            yield Text(
                f"each arm at its own best learning rate, chosen on seeds {chosen}, compared on the others", "dim"
            )
        if found.left_out:
            cells = f"{found.left_out} cell{'s' * (found.left_out > 1)}"
            yield Text(f"{cells} left out: not done, or without a bar", "yellow")
        unpaired = sorted({seed for row in found.rows for seed in row.unpaired} - {*found.tuning})
        if unpaired:
            yield Text(f"seeds that only some cells have, and so left out: {', '.join(map(str, unpaired))}", "yellow")
        if any(arm.at_edge for row in found.rows for match in row.matches for arm in (match.a, match.b)):
            yield Text("a best learning rate is the lowest or highest there was: a better one may lie beyond", "yellow")

    def _needs(self, family: Sequence[Paired], what: str) -> Iterator[Text]:
        """The seeds that the tests need, and a warning where they are missing."""
        seeds, m = [paired.n for paired in family], len(family)
        needed, fewest, most = seeds_needed(m), min(seeds), max(seeds)
        have = f"{fewest}" if fewest == most else f"{fewest} to {most}"
        whole = f"{m} {what}{'s, p after Holm' if m > 1 else ''}"
        yield Text(f"{whole}: p ≤ {LEVEL:g} takes {needed} paired seeds; there are {have}")
        if most < needed:
            more = self.comparison.seeds_missing(needed, most)
            yield Text(f"so no p below can reach {LEVEL:g}, whatever the difference: train {more} more", "yellow")
        elif fewest < needed:
            yield Text(f"where there are fewer than {needed}, no p can reach {LEVEL:g}", "yellow")


def _table(keys: Sequence[str], *names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for key in keys:
        table.add_column(key, justify="right")
    for name in names:
        table.add_column(name, justify="right" if name.startswith("p ") else "left")
    return table


def _rows_table(rows: Sequence[Row]) -> Table:
    p = "p (Holm)" if len(rows) > 1 else "p "
    table = _table([*rows[0].where], "A", "B", "loss A ÷ B [95 %]", p, "in nats")
    for row in rows:
        a, b = (_arms([getattr(match, side) for match in row.matches], row.seeds) for side in "ab")
        ratio, word = _ratio(row.paired.mean, row.paired.interval), row.equivalence.word
        table.add_row(*row.where.values(), a, b, ratio, _p(row.p_adjusted), word)
    return table


def _sensitivities(rows: Sequence[Row]) -> Table:
    table = _table([*rows[0].where], "A", "B")
    for row in rows:
        sides = ([match.a for match in row.matches], [match.b for match in row.matches])
        means = (mean(arm.sensitivity for arm in arms) for arms in sides)
        table.add_row(*row.where.values(), *map(loss_text, means))
    return table


def _rows_words(rows: Sequence[Row]) -> Text:
    lines = [*_one(rows[0])] if len(rows) == 1 else [*_several(rows)]
    margins = " or ".join(sorted({loss_text(row.equivalence.margin) for row in rows}))
    lines.append(
        f"In nats: the 90 % interval of A − B is within ± {margins} (equivalent), beyond (different) or"
        " across (inconclusive)."
    )
    lines.append("A ÷ B: of geometric means over seeds; what diverged counts as 2 ℓ0, what is below 0.001 as 0.001.")
    if any(_splits_on_divergence(row) for row in rows):
        lines.append("Where only some seeds diverged, trust p: the interval then misses the mean too often.")
    return Text(" ".join(lines), "dim")


def _splits_on_divergence(row: Row) -> bool:
    """Whether in some pairs, not all, one side diverged alone: few such seeds tell little of how often that happens."""
    arms = [(m.a.test, m.b.test) for m in row.matches]
    alone = {(seed, a.id) for a, b in arms for seed in row.seeds if (seed in _diverged(a)) != (seed in _diverged(b))}
    return 0 < len(alone) < len(row.seeds) * len(arms)


def _diverged(cell: CellResult) -> set[int]:
    return {r.seed for r in cell.replicates if cell.verdict(r) == "diverged"}


def _one(row: Row) -> Iterator[str]:
    paired, ends = row.paired, row.paired.extremes
    if paired.n == 0:
        yield "No seed is left that both have: nothing can be said."
        return
    tells = "beyond chance" if row.p_adjusted <= LEVEL else "which the test cannot tell from chance"
    yield f"A ends at {_number(row.ratio)} times the loss of B, {tells} (p {_p(row.p_adjusted)})."
    if paired.n > 1:
        low, high = (_number(math.exp(end)) for end in (ends.low, ends.high))
        exact = f"an exact {100 * ends.coverage:.4g} % interval of the median"
        yield f"Seed by seed it is {low} to {high}, {exact}; effect size {paired.effect:.2f}."


def _several(rows: Sequence[Row]) -> Iterator[str]:
    lower, higher = (sum(r.p_adjusted <= LEVEL and r.paired.mean * s > 0 for r in rows) for s in (-1, 1))
    yield f"Of {len(rows)} comparisons, A ends lower in {lower} and higher in {higher} beyond chance;"
    yield f"the test cannot tell in {len(rows) - lower - higher}."
    below, above = (sum(_beyond(row, sign) for row in rows) for sign in (-1, 1))
    yield f"Each taken alone, the t interval has A lower in {below}, higher in {above}."


def _effects_table(effects: Sequence[EffectRow]) -> Table:
    table = _table([*effects[0].where], "effect", "held against", "loss × [95 %]", "p (Holm)")
    last: list[str] = []
    for row in effects:
        where = [*row.where.values()]
        if last and last != where:
            table.add_section()
        held = row.effect.kind.removeprefix("main, from ")
        ratio = _ratio(row.effect.paired.mean, row.effect.paired.interval)
        table.add_row(*where, row.effect.name, held, ratio, _p(row.p_adjusted))
        last = where
    return table


def _effects_words(effects: Sequence[EffectRow]) -> Text:
    told = [e for e in effects if e.p_adjusted <= LEVEL]
    return Text(
        f"Beyond chance: {len(told)} of {len(effects)} effects. A main effect is what a choice multiplies the loss by,"
        " averaged over the other factor. An interaction of 1 means that each does the same with the other as without;"
        " below 1, that together they do better than each alone would say.",
        "dim",
    )


def _arms(arms: Sequence[Choice], seeds: Sequence[int]) -> Text:
    """The verdicts of the seeds compared, and the learning rates where there was a choice."""
    counts = Counter(arm.test.verdict(r) for arm in arms for r in arm.test.replicates if r.seed in seeds)
    parts = [Text(f"{counts[word]} {word}", COLORS[word]) for word in VERDICTS if counts[word]]
    parts += [Text(f"{counts[None]} no verdict", "dim")] if counts[None] else []
    rates = {f"lr {arm.value:g}" + "\nat the edge" * arm.at_edge for arm in arms if KEY in arm.test.flat and arm.tuned}
    return Text("\n").join([*(parts or [Text("–")]), *(Text(rate, "dim") for rate in sorted(rates))])


def _ratio(mean: float, interval: Interval) -> str:
    if math.isnan(mean):
        return "–"
    ends = "" if math.isinf(interval.low) else f" [{_number(_exp(interval.low))}, {_number(_exp(interval.high))}]"
    return f"{_number(math.exp(mean))}{ends}"


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _number(value: float) -> str:
    return f"{value:.2f}" if 0.1 <= value < 100 else f"{value:.2g}" if value < 0.1 else loss_text(value)


def _p(value: float) -> Text:
    return Text(f"{value:.3f}" if value >= 0.0005 else f"{value:.0e}", "bold" if value <= LEVEL else "")


def _beyond(row: Row, sign: int) -> bool:
    interval = row.paired.interval
    return interval.low > 0 if sign > 0 else interval.high < 0
