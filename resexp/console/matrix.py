"""The matrix of a sweep, and what it shows, in words. Imports no torch."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from resexp.analysis.groups import group_cells, trained_share
from resexp.analysis.headline import summarize_shares
from resexp.config.names import arm_of
from resexp.console.result_text import verdicts_text
from resexp.console.terminal import plain_table
from resexp.formats import loss_text, percent_interval_text
from resexp.record.result import CellResult, differing_keys, mean

LEGEND = "verdicts, 95 % interval of the share trained, mean training loss in nats"


class Matrix:
    """The cells of a sweep as a table: a row per depth and other setting, a column per arm.

    A cell shows its verdicts, the 95 % interval of the share of trained seeds, and the mean training loss. Arms that do
    not fit next to one another go into further tables below.
    """

    def __init__(self, results: Sequence[CellResult]) -> None:
        self.keys = differing_keys(results)
        self.arms = list(dict.fromkeys(arm_of(r.choices) for r in results))
        self.rows: dict[tuple[str, ...], dict[str, CellResult]] = {}
        for result in results:
            settings = tuple(result.identity_text.get(key, "–") for key in self.keys)
            self.rows.setdefault(settings, {})[arm_of(result.choices)] = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for count in range(len(self.arms), 0, -1):
            tables = [self._table(self.arms[i : i + count]) for i in range(0, len(self.arms), count)]
            if all(Measurement.get(console, options, t).maximum < options.max_width for t in tables):
                break
        yield from tables
        if any(trained_share(result).total for cells in self.rows.values() for result in cells.values()):
            yield Text(LEGEND, "dim")

    def _table(self, arms: Sequence[str]) -> Table:
        table = plain_table(*self.keys)
        for arm in arms:
            table.add_column(Text(arm.replace("+", "\n+")))
        for values, cells in self.rows.items():
            if any(arm in cells for arm in arms):
                table.add_row(*values, *(_cell_text(cells.get(arm)) for arm in arms))
        return table


def _cell_text(result: CellResult | None) -> Text:
    if result is None:
        return Text("")
    if result.status != "done":
        return verdicts_text(result)
    lines = Text("\n").join(verdicts_text(result).split(", "))
    share = trained_share(result)
    lines.append(f"\n{percent_interval_text(*share.interval(), separator='–')}" if share.total else "", "dim")
    lines.append(f"\n{loss_text(mean(r.loss_train for r in result.replicates))}", "dim")
    flags = {flag for r in result.replicates for flag in result.shown_flags(r)}
    return lines.append("".join(f"\n{flag}" for flag in sorted(flags)), "dim")


def conclusion(results: Sequence[CellResult]) -> Text:
    """Return which arm trains deepest on each data set and model, and how certain that is."""
    groups = group_cells({result.id: result for result in results}.values())
    text = Text()
    for group in groups:
        summary = summarize_shares(group)
        text.append(f"\n{group.title}: " if len(groups) > 1 else "\n")
        text.append(f"{summary.headline}. ", "bold").append(" ".join(summary.sentences))
    return text
