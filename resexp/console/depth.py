"""Depth searches: their progress, and the trainable depths they find, in words."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from resexp.analysis.sentences import d50_interval_text, d50_text, deepest_arm_text
from resexp.console.terminal import plain_table
from resexp.formats import interval_text, listed, plural, seeds_text
from resexp.stats.depth import DepthSearchEstimate
from resexp.stats.shares import depth_bracket
from resexp.sweeps.arm_search import ArmSearch

RATES_COLUMN = "rate (at depths)"


def progress_table(arms: Sequence[ArmSearch]) -> Table:
    """Return a row per arm: the depths between which D50 lies according to the trials so far."""
    table = _table("arm", "half train at", "fewer at", "cells", "runs")
    for arm in arms:
        bracket = depth_bracket(arm.search.shares)
        ends = (str(end) if end else "–" for end in (bracket.low, bracket.high))
        table.add_row(arm.name, *ends, *_costs(arm), style="dim" if arm.estimate else "")
    return table


class DepthTable:
    """The searches of several arms: a row each, then conclusions and warnings. A search need not have ended."""

    def __init__(self, arms: Sequence[ArmSearch]) -> None:
        self.arms = arms
        self.estimates = {arm.name: estimate for arm in arms if (estimate := arm.estimate)}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        tuned = any(len(arm.search.rates) > 1 for arm in self.arms)
        table = _table("arm", "D50", "95 % interval", *[RATES_COLUMN] * tuned, "cells", "runs", "saved")
        for arm in self.arms:
            estimate = self.estimates.get(arm.name)
            if estimate:
                d50 = d50_text(estimate), d50_interval_text(estimate)
                texts = [*d50, *[_rates_text(estimate)] * tuned, *_costs(arm), str(estimate.saved)]
            else:
                texts = ["–", "", *[""] * tuned, *_costs(arm), ""]
            table.add_row(arm.name, *texts)
        yield table
        if self.estimates:
            yield Text(deepest_arm_text(self.estimates))
        for arm in self.arms:
            if arm.name not in self.estimates:
                yield Text(f"{arm.name}: {arm.error or 'the search has not ended'}", "red")
        yield from self._warnings()
        yield Text(f"{_conditions(self.arms)} {self._cost()}", "dim")

    def _warnings(self) -> Iterator[Text]:
        not_monotone = [name for name, estimate in self.estimates.items() if not estimate.monotone]
        if not_monotone:
            text = "not monotone: most seeds train at twice the depth that fails, so D50 is one of several crossings"
            yield Text(f"{listed(not_monotone)}: {text}", "yellow")
        if any(estimate.at_edge for estimate in self.estimates.values()):
            yield Text("* the lowest or the highest rate tried: a better one may lie beyond", "yellow")

    def _cost(self) -> str:
        runs, trained = sum(arm.runs for arm in self.arms), sum(arm.trained for arm in self.arms)
        cells = sum(len(arm.cells) for arm in self.arms)
        text = f"{plural(runs, 'run')} in {plural(cells, 'cell')}, {trained} of them trained now"
        if not any(len(arm.search.rates) > 1 for arm in self.arms):
            return f"{text}."
        saved = sum(estimate.saved for estimate in self.estimates.values())
        return f"{text}; every rate on every test seed would have taken {plural(saved, 'more run', 'more runs')}."


def forecast(arms: Sequence[ArmSearch]) -> str:
    """Return what follows the first round, and how many runs the searches take at most."""
    most = sum(arm.search.max_runs for arm in arms)
    cost = f"The search takes at most {plural(most, 'run')} for {plural(len(arms), 'arm')}."
    return f"These are the first cells; their results decide which are trained next. {cost} {_conditions(arms)}"


def _conditions(arms: Sequence[ArmSearch]) -> str:
    """Return the budget, the depths and the learning rates for which D50 holds."""
    budgets = listed([*dict.fromkeys(f"{arm.steps:,} steps of {arm.optimizer}" for arm in arms)])
    depths = listed([*dict.fromkeys(f"{arm.search.lowest} to {arm.search.highest}" for arm in arms)])
    grids = [[f"{rate:g}" for rate in arm.search.rates] for arm in arms]
    rates = listed([*dict.fromkeys(" / ".join(grid) for grid in grids)])
    text = f"At {budgets}, depth {depths}, lr {rates}"
    tuning = [*dict.fromkeys(seed for arm in arms if len(arm.search.rates) > 1 for seed in arm.search.tuning_seeds)]
    return f"{text}, chosen at each depth on {seeds_text(tuning)}." if tuning else f"{text}."


def _rates_text(estimate: DepthSearchEstimate) -> str:
    """Return the rates chosen with their depths: `0.003* (4 to 8), 0.001 (16)`; * at the edge of the grid."""
    rates, parts = estimate.rates, []
    for (rate, at_edge), group in groupby(sorted(rates), lambda depth: (rates[depth], depth in estimate.at_edge)):
        depths = [*group]
        parts.append(f"{rate:g}{'*' * at_edge} ({interval_text(depths[0], depths[-1], str)})")
    return ", ".join(parts)


def _costs(arm: ArmSearch) -> tuple[str, str]:
    return str(len(arm.cells)), str(arm.runs)


def _table(*columns: str) -> Table:
    return plain_table(*columns, left=("arm", RATES_COLUMN), compact=True)
