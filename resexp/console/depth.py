"""What a search for trainable depths says: how far it is, what it found, and that in words."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.analysis.sentences import d50_interval_text, d50_text, deepest_arm_text
from resexp.formats import listed
from resexp.stats.depth import DepthSearchEstimate
from resexp.stats.shares import depth_bracket
from resexp.sweeps.depth_search import ArmSearch


def progress(arms: Sequence[ArmSearch]) -> Table:
    """A row per arm: between which depths it is known to lie."""
    table = _table("arm", "half train at", "fewer at", "cells", "runs")
    for arm in arms:
        between = depth_bracket(arm.search.shares)
        ends = (str(end) if end else "–" for end in (between.low, between.high))
        table.add_row(arm.name, *ends, *_costs(arm), style="dim" if arm.estimate else "")
    return table


class DepthTable:
    """The searches of some arms, ended or not: a table, and below it what it means."""

    def __init__(self, arms: Sequence[ArmSearch]) -> None:
        self.arms = arms
        self.found = {arm.name: found for arm in arms if (found := arm.estimate)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tuned = any(len(arm.search.rates) > 1 for arm in self.arms)
        table = _table("arm", "D50", "95 % interval", *["rate (at depths)"] * tuned, "cells", "runs", "saved")
        for arm in self.arms:
            found = self.found.get(arm.name)
            if found:
                d50 = d50_text(found), d50_interval_text(found)
                cells = [*d50, *[_rates(found)] * tuned, *_costs(arm), str(found.saved)]
            else:
                cells = ["–", "", *[""] * tuned, *_costs(arm), ""]
            table.add_row(arm.name, *cells)
        yield table
        if self.found:
            yield Text(deepest_arm_text(self.found))
        for arm in self.arms:
            if arm.name not in self.found:
                yield Text(f"{arm.name}: {arm.failed or 'the search has not ended'}", "red")
        yield from self._flags()
        yield Text(f"{_grid(self.arms)} {self._cost()}", "dim")

    def _flags(self) -> Iterator[Text]:
        odd = [name for name, found in self.found.items() if not found.monotone]
        if odd:
            text = "not monotone: most of its seeds train at twice the depth that fails, so that D50 is one of several"
            yield Text(f"{listed(odd)}: {text}", "yellow")
        if any(found.at_edge for found in self.found.values()):
            yield Text("* the lowest or the highest of the rates tried: a better one may lie beyond", "yellow")

    def _cost(self) -> str:
        runs, trained = sum(arm.runs for arm in self.arms), sum(arm.trained for arm in self.arms)
        cells, saved = sum(len(arm.cells) for arm in self.arms), sum(found.saved for found in self.found.values())
        text = f"{runs} runs in {cells} cells, {trained} of them trained now"
        tuned = any(len(arm.search.rates) > 1 for arm in self.arms)
        return f"{text}; all rates on all these seeds would have taken {saved} more." if tuned else f"{text}."


def forecast(arms: Sequence[ArmSearch]) -> str:
    """What the searches take at the most, in a line."""
    most, names = sum(arm.search.max_runs for arm in arms), f"{len(arms)} arm{'s' * (len(arms) > 1)}"
    return f"These are the first; what they come to decides on the next. At most {most} runs of {names}. {_grid(arms)}"


def _grid(arms: Sequence[ArmSearch]) -> str:
    """Under what conditions D50 is what it is."""
    budgets = listed([*dict.fromkeys(f"{arm.steps:,} steps of {arm.optimizer}" for arm in arms)])
    depths = listed([*dict.fromkeys(f"{arm.search.lowest} to {arm.search.highest}" for arm in arms)])
    grids = [[f"{rate:g}" for rate in arm.search.rates] for arm in arms]
    rates = listed([*dict.fromkeys(" / ".join(grid) for grid in grids)])
    text = f"At {budgets}, depth {depths}, lr {rates}"
    tuning = [*dict.fromkeys(seed for arm in arms if len(arm.search.rates) > 1 for seed in arm.search.tuning_seeds)]
    return f"{text}, chosen at each depth on seeds {listed([*map(str, tuning)])}." if tuning else f"{text}."


def _rates(found: DepthSearchEstimate) -> str:
    """`0.003* (4 to 8), 0.001 (16)`."""
    parts = []
    for (rate, is_edge), group in groupby(sorted(found.rates), lambda d: (found.rates[d], d in found.at_edge)):
        depths = [*group]
        ends = " to ".join(map(str, dict.fromkeys((depths[0], depths[-1]))))
        parts.append(f"{rate:g}{'*' * is_edge} ({ends})")
    return ", ".join(parts)


def _costs(arm: ArmSearch) -> tuple[str, str]:
    return str(len(arm.cells)), str(arm.runs)


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in names:
        table.add_column(name, justify="left" if name in ("arm", "rate (at depths)") else "right")
    return table
