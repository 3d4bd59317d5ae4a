"""A sweep as text: its matrix, and what it says in plain words. Imports no torch."""

from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from resexp.analysis.groups import group_cells, trained_share
from resexp.analysis.headline import summarize_shares
from resexp.config.names import arm_of
from resexp.console.tables import verdicts
from resexp.formats import loss_text
from resexp.record.result import CellResult, differing_keys, mean
from resexp.stats.shares import Share

LEGEND = "verdicts, 95 % interval of the share trained, mean training loss in nats"


class Matrix:
    """A sweep: rows depth and what else was swept, columns arms.

    In each cell the verdicts, the interval of the share trained, and the mean train loss. Where not all arms fit beside
    one another, the rest go below.
    """

    def __init__(self, results: Sequence[CellResult]) -> None:
        self.keys = differing_keys(results)
        self.arms = list(dict.fromkeys(arm_of(r.choices) for r in results))
        self.rows: dict[tuple[str, ...], dict[str, CellResult]] = {}
        for result in results:
            flat = result.identity_text
            self.rows.setdefault(tuple(flat.get(k, "–") for k in self.keys), {})[arm_of(result.choices)] = result

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for beside in range(len(self.arms), 0, -1):
            tables = [self._table(self.arms[i : i + beside]) for i in range(0, len(self.arms), beside)]
            if all(Measurement.get(console, options, t).maximum < options.max_width for t in tables):
                break
        yield from tables
        if any(trained_share(result).total for cells in self.rows.values() for result in cells.values()):
            yield Text(LEGEND, "dim")

    def _table(self, arms: Sequence[str]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=False)
        for key in self.keys:
            table.add_column(key, justify="right")
        for arm in arms:
            table.add_column(Text(arm.replace("+", "\n+")))
        for values, cells in self.rows.items():
            if any(arm in cells for arm in arms):
                table.add_row(*values, *(_matrix_cell(cells.get(arm)) for arm in arms))
        return table


def _matrix_cell(result: CellResult | None) -> Text:
    if result is None:
        return Text("")
    if result.status != "done":
        return verdicts(result)
    parts = Text("\n").join(verdicts(result).split(", "))
    trained = trained_share(result)
    parts.append(f"\n{span(trained)}" if trained.total else "", "dim")
    parts.append(f"\n{loss_text(mean(r.loss_train for r in result.replicates))}", "dim")
    flagged = {flag for r in result.replicates for flag in result.shown_flags(r)}
    return parts.append("".join(f"\n{flag}" for flag in sorted(flagged)), "dim")


def span(trained: Share) -> str:
    """The 95 % interval of a share: `57–100 %`."""
    low, high = trained.interval()
    return f"{100 * low:.0f}–{100 * high:.0f} %"


def conclusion(results: Sequence[CellResult]) -> Text:
    """What the cells say of each data set and model: which arm trains deepest, and how sure that is."""
    found = group_cells({result.id: result for result in results}.values())
    text = Text()
    for group in found:
        said = summarize_shares(group)
        text.append(f"\n{group.title}: " if len(found) > 1 else "\n")
        text.append(f"{said.headline}. ", "bold").append(" ".join(said.sentences))
    return text
