"""Cells put in order: those of one data set and model, by arm and depth."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from resexp.analysis.tuning import KEY, choices
from resexp.config.names import arm_of
from resexp.record.result import CellResult, differing_keys
from resexp.stats.depth import TUNED_WIDENING
from resexp.stats.logistic import DepthEstimate, estimate_depth
from resexp.stats.shares import DepthBracket, Share, depth_bracket
from resexp.stats.verdict import VERDICTS, Reference

ENOUGH = 3
"""Depths from which on D50 is fitted."""


@dataclass(frozen=True)
class Line:
    """The cells that differ in depth alone, or, where it is `tuned`, in the learning rate chosen at each depth, too.

    `name`: the arm, and what else tells this line from others.
    """

    arm: str
    rest: dict[str, str]
    cells: dict[int, CellResult]
    tuned: bool = False

    @property
    def name(self) -> str:
        """As it stands in every figure and table."""
        return " ".join([self.arm, *(f"{_short(key, self.rest)}={value}" for key, value in self.rest.items())])

    @cached_property
    def shares(self) -> dict[int, Share]:
        """Of the replicates with a verdict, those trained, at each depth where there are any."""
        found = {depth: share(cell) for depth, cell in self.cells.items()}
        return {depth: one for depth, one in found.items() if one.total}

    @property
    def half(self) -> DepthBracket:
        """Between which depths its share passes a half."""
        return depth_bracket(self.shares)

    @cached_property
    def located(self) -> DepthEstimate | None:
        """The trainable depth D50 by the logistic fit, where there are enough depths for one."""
        if len(self.shares) < ENOUGH:
            return None
        return estimate_depth(self.shares, TUNED_WIDENING if self.tuned else 1.0)

    @property
    def rank(self) -> tuple[int, float]:
        """How deep it trains, then how much of it does."""
        total = sum(self.shares.values(), Share(0, 0))
        return self.half.low or 0, total.value if total.total else -1.0


@dataclass(frozen=True)
class Group:
    """The cells of one data set and model: its lines, those that train deepest first."""

    title: str
    lines: list[Line]

    @property
    def results(self) -> list[CellResult]:
        """All cells."""
        return [cell for line in self.lines for cell in line.cells.values()]

    @property
    def depths(self) -> list[int]:
        """Every depth of any line."""
        return sorted({depth for line in self.lines for depth in line.cells})

    @property
    def references(self) -> list[Reference]:
        """The different bars of its cells."""
        return [*dict.fromkeys(r.reference for r in self.results if r.reference)]

    @cached_property
    def tuning(self) -> list[int]:
        """The seeds that choose among learning rates, where several were tried."""
        return sorted({seed for r in self.results for seed in r.config.get("tuning_seeds") or ()}) if self.rates else []

    @cached_property
    def fair(self) -> "Group":
        """Each arm at the learning rate that the tuning seeds choose for it, with the other seeds; else this."""
        if not self.tuning:
            return self
        return Group(self.title, _lines([choice.test for choice in choices(self.results, self.tuning)], told={KEY}))

    @property
    def rates(self) -> list[float]:
        """The learning rates, where these were varied."""
        found = {float(line.rest[KEY]) for line in self.lines if KEY in line.rest}
        return sorted(found) if len(found) > 1 else []


def _short(key: str, keys: Iterable[str]) -> str:
    """The end of an option's name, where that is enough to tell it."""
    end = key.rpartition(".")[2]
    return end if sum(other.rpartition(".")[2] == end for other in keys) == 1 else key


def counts(cell: CellResult) -> dict[str, int]:
    """How many replicates got each verdict."""
    found = Counter(cell.verdict(r) for r in cell.replicates)
    return {word: found[word] for word in VERDICTS if found[word]}


def share(cell: CellResult) -> Share:
    """Of the replicates with a verdict, those trained; of a bar that is not known, none have one."""
    found = counts(cell)
    known = cell.reference is not None and cell.reference.loss_target is not None
    return Share(found.get("trained", 0), sum(found.values())) if known else Share(0, 0)


def groups(results: Iterable[CellResult]) -> list[Group]:
    """The cells by data set and model, in the order in which these first occur."""
    found: dict[tuple[str, str], list[CellResult]] = {}
    for result in results:
        found.setdefault((result.choices.get("dataset", "?"), result.choices.get("model", "?")), []).append(result)
    return [Group(f"{dataset}, {model}", _lines(alike)) for (dataset, model), alike in found.items()]


def _lines(results: Sequence[CellResult], told: Collection[str] = ()) -> list[Line]:
    """The lines of some cells, which `told` keys do not tell apart."""
    keys = [key for key in differing_keys(results) if key not in ("depth", *told)]
    if len({_place(result, keys) for result in results}) < len(results):  # options that come with a choice tell more
        keys = [
            *dict.fromkeys(key for r in results for key in r.identity_text if key not in ("depth", "norm", "residual"))
        ]
        keys = [key for key in keys if key not in told and len({r.identity_text.get(key) for r in results}) > 1]
    found: dict[tuple[str, ...], dict[int, CellResult]] = {}
    for result in results:
        arm, depth, *rest = _place(result, keys)
        found.setdefault((arm, *rest), {})[int(depth)] = result
    lines = [
        Line(arm, {k: v for k, v in zip(keys, rest, strict=True) if v != "–"}, dict(sorted(cells.items())), KEY in told)
        for (arm, *rest), cells in found.items()
    ]
    return sorted(lines, key=lambda line: line.rank, reverse=True)


def _place(result: CellResult, keys: Sequence[str]) -> tuple[str, ...]:
    flat = result.identity_text
    return arm_of(result.choices), flat.get("depth", "0"), *(flat.get(key, "–") for key in keys)
