"""Cells grouped by data set and model, and within a group by arm and depth."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from resexp.analysis.tuning import LR_KEY, choose_rates
from resexp.config.names import arm_of
from resexp.record.result import CellResult, differing_keys
from resexp.stats.depth import TUNED_WIDENING
from resexp.stats.logistic import DepthEstimate, estimate_depth
from resexp.stats.shares import DepthBracket, Share, depth_bracket
from resexp.stats.verdict import Reference

MIN_DEPTHS = 3
"""The least number of depths to which the logistic fit of D50 is applied."""


@dataclass(frozen=True)
class DepthSeries:
    """Cells that differ in depth alone or, if `tuned`, also in the learning rate chosen at each depth.

    Attributes:
        arm: as in `pre+residual`.
        rest: the other settings that distinguish this series from others of its group.
        cells: the cells by depth.
        tuned: whether the learning rate was chosen at each depth.

    """

    arm: str
    rest: dict[str, str]
    cells: dict[int, CellResult]
    tuned: bool = False

    @property
    def name(self) -> str:
        """The arm and the distinguishing settings, as in figures and tables."""
        return " ".join([self.arm, *(f"{_short_key(key, self.rest)}={value}" for key, value in self.rest.items())])

    @cached_property
    def shares(self) -> dict[int, Share]:
        """The share trained among the replicates with a verdict, at each depth that has any."""
        shares = {depth: trained_share(cell) for depth, cell in self.cells.items()}
        return {depth: share for depth, share in shares.items() if share.total}

    @property
    def bracket(self) -> DepthBracket:
        """The depths between which the share trained falls below one half."""
        return depth_bracket(self.shares)

    @cached_property
    def estimate(self) -> DepthEstimate | None:
        """D50 by the logistic fit; None if there are too few depths."""
        if len(self.shares) < MIN_DEPTHS:
            return None
        return estimate_depth(self.shares, TUNED_WIDENING if self.tuned else 1.0)

    @property
    def sort_key(self) -> tuple[int, float]:
        """The deepest depth at which half of the seeds train, then the share trained over all depths."""
        total = sum(self.shares.values(), Share(0, 0))
        return self.bracket.low or 0, total.value if total.total else -1.0


@dataclass(frozen=True)
class CellGroup:
    """The cells of one data set and model, as series, the one that trains deepest first."""

    title: str
    series: list[DepthSeries]

    @property
    def results(self) -> list[CellResult]:
        """All cells."""
        return [cell for series in self.series for cell in series.cells.values()]

    @property
    def depths(self) -> list[int]:
        """The depths of all series, ascending."""
        return sorted({depth for series in self.series for depth in series.cells})

    @property
    def references(self) -> list[Reference]:
        """The distinct references of its cells."""
        return [*dict.fromkeys(r.reference for r in self.results if r.reference)]

    @cached_property
    def tuning_seeds(self) -> list[int]:
        """The seeds that choose among learning rates; empty if one rate was tried."""
        return sorted({seed for r in self.results for seed in r.tuning_seeds}) if self.rates else []

    @cached_property
    def tuned(self) -> "CellGroup":
        """Each arm at the learning rate that the tuning seeds choose, with the other seeds; itself without a choice."""
        if not self.tuning_seeds:
            return self
        cells = [choice.test for choice in choose_rates(self.results, self.tuning_seeds)]
        return CellGroup(self.title, _series(cells, ignored={LR_KEY}))

    @property
    def rates(self) -> list[float]:
        """The learning rates, ascending; empty if one was tried."""
        rates = {float(series.rest[LR_KEY]) for series in self.series if LR_KEY in series.rest}
        return sorted(rates) if len(rates) > 1 else []


def _short_key(key: str, keys: Iterable[str]) -> str:
    """Return the last part of an option's name if it is unique among `keys`, else the whole name."""
    end = key.rpartition(".")[2]
    return end if sum(other.rpartition(".")[2] == end for other in keys) == 1 else key


def trained_share(cell: CellResult) -> Share:
    """Return the share trained among the replicates with a verdict; 0 of 0 if there is no target loss."""
    counts = cell.verdict_counts
    has_target = cell.reference is not None and cell.reference.loss_target is not None
    return Share(counts.get("trained", 0), sum(counts.values())) if has_target else Share(0, 0)


def group_cells(results: Iterable[CellResult]) -> list[CellGroup]:
    """Group cells by data set and model, in the order of their first occurrence."""
    groups: dict[tuple[str, str], list[CellResult]] = {}
    for result in results:
        groups.setdefault((result.choices.get("dataset", "?"), result.choices.get("model", "?")), []).append(result)
    return [CellGroup(f"{dataset}, {model}", _series(cells)) for (dataset, model), cells in groups.items()]


def _series(results: Sequence[CellResult], ignored: Collection[str] = ()) -> list[DepthSeries]:
    """Return the series of some cells; `ignored` keys do not separate series."""
    keys = [key for key in differing_keys(results) if key not in ("depth", *ignored)]
    if len({_series_key(result, keys) for result in results}) < len(results):  # cells also differ in options of choices
        skipped = {"depth", "norm", "residual", *ignored}
        keys = [*dict.fromkeys(key for result in results for key in result.identity_text if key not in skipped)]
        keys = [key for key in keys if len({result.identity_text.get(key) for result in results}) > 1]
    by_key: dict[tuple[str, ...], dict[int, CellResult]] = {}
    for result in results:
        arm, depth, *rest = _series_key(result, keys)
        by_key.setdefault((arm, *rest), {})[int(depth)] = result
    series = []
    for (arm, *rest), cells in by_key.items():
        settings = {key: value for key, value in zip(keys, rest, strict=True) if value != "–"}
        series.append(DepthSeries(arm, settings, dict(sorted(cells.items())), tuned=LR_KEY in ignored))
    return sorted(series, key=lambda one: one.sort_key, reverse=True)


def _series_key(result: CellResult, keys: Sequence[str]) -> tuple[str, ...]:
    """Return arm, depth and the values of `keys`."""
    flat = result.identity_text
    return arm_of(result.choices), flat.get("depth", "0"), *(flat.get(key, "–") for key in keys)
