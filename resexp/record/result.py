"""What a cell came to."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from resexp.config.cell import Cell
from resexp.config.fingerprint import GROUPS_OUTSIDE_ID, SCHEMA
from resexp.config.settings import SETTINGS
from resexp.stats.scores import Scores
from resexp.stats.verdict import Outcome, Reference, flags, verdict

NON_IDENTITY = frozenset(
    [*GROUPS_OUTSIDE_ID, *(name for name, spec in SETTINGS.items() if not spec.metadata["identity"])]
)
"""Keys that are no part of the identity."""

Status = Literal["done", "failed", "interrupted", "running", "waiting"]
"""Of a cell on the disk; in a sweep that goes on, also `waiting`."""


@dataclass(frozen=True)
class Replicate:
    """One training. Losses in nats; None where not finite, or not reached. `measured`: what was measured inside."""

    seed: int
    steps: int
    finite: bool
    loss_initial: float | None
    loss_lowest: float | None
    loss_train: float | None = None
    accuracy_train: float | None = None
    loss_val: float | None = None
    accuracy_val: float | None = None
    measured: list[str] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What the verdict reads."""
        return Outcome(self.finite, self.loss_initial, self.loss_train, self.accuracy_train, self.loss_lowest)


@dataclass(frozen=True)
class Cost:
    """What training took.

    Attributes:
        parameters: of a replicate.
        flops: of a step of a replicate, forward and backward, matrix products alone; None where they cannot be counted.
        saved: bytes that a step of a replicate keeps for its backward, where nothing is replayed; None likewise.
        step_seconds: the median time of a step of the pack.
        replicates: in the pack.

    """

    parameters: int
    flops: int | None
    saved: int | None
    step_seconds: float | None
    replicates: int


@dataclass(frozen=True)
class CellResult:
    """A cell as recorded. `path` is absolute; `error` None or a line; `notes` lines on what went unusually.

    `cost` is that of the pack trained last; `schema` that under which it was stored: its names are today's in any case.
    """

    id: str
    name: str
    path: str
    status: Status
    choices: dict[str, str]
    config: dict[str, Any]
    replicates: list[Replicate] = field(default_factory=list)
    reference: Reference | None = None
    error: str | None = None
    seconds: float | None = None
    notes: list[str] = field(default_factory=list)
    cost: Cost | None = None
    schema: int = SCHEMA

    @property
    def is_judged(self) -> bool:
        """Whether the bar of its verdicts is known, by today's rules."""
        return self.reference is not None and self.reference.measured

    def verdict(self, replicate: Replicate) -> str | None:
        """The verdict of one of its replicates; None before the end or without a reference."""
        return verdict(replicate.outcome, self.reference) if self.reference and self.status == "done" else None

    def flags(self, replicate: Replicate) -> list[str]:
        """The flags of one of its replicates."""
        return flags(replicate.outcome, self.reference) if self.reference and self.status == "done" else []

    def shown_flags(self, replicate: Replicate) -> list[str]:
        """The flags worth showing: a stuck loss hovers about ℓ0, which is no explosion."""
        stuck = self.verdict(replicate) == "stuck"
        return [flag for flag in self.flags(replicate) if not (stuck and flag == "exploding")]

    @property
    def flat(self) -> dict[str, Any]:
        """The configuration in one level: settings, choices, and the options of the groups as `group.key`."""
        return self._flat(frozenset())

    @property
    def identity_config(self) -> dict[str, Any]:
        """What makes a cell another one: `flat` but for what is no part of the identity."""
        return self._flat(NON_IDENTITY)

    @cached_property
    def identity_key(self) -> str:
        """`own` as text, by which cells of different schemas are matched."""
        return repr(sorted(self.identity_config.items(), key=str))

    @cached_property
    def identity_text(self) -> dict[str, str]:
        """The same as text, without the names of classes."""
        return {k: str(v) for k, v in self.identity_config.items() if not k.endswith("._target_")}

    def _flat(self, without: frozenset[str]) -> dict[str, Any]:
        choices = {k: v for k, v in self.choices.items() if k not in without}
        settings = {k: v for k, v in self.config.items() if k not in self.choices and k not in without}
        groups = ((g, self.config.get(g, {})) for g in choices)
        return {**settings, **choices, **{f"{g}.{k}": v for g, options in groups for k, v in options.items()}}

    def to_json(self, scored: Mapping[int, Scores] | None = None) -> dict[str, Any]:
        """One object of `resexp runs --json`; `scored`: the scores of its seeds."""
        common = ("id", "name", "path", "status", "error", "choices", "config", "seconds", "notes", "schema")
        keys = ("seed", "loss_train", "loss_val", "accuracy_val", "steps", "accuracy_train")
        return {
            **{k: getattr(self, k) for k in common},
            "replicates": [
                {**{k: getattr(r, k) for k in keys}, "verdict": self.verdict(r), "flags": self.flags(r)}
                | (scored or {}).get(r.seed, Scores())._asdict()
                for r in self.replicates
            ],
        }


def result_for(cell: Cell, status: Status, **more: Any) -> CellResult:
    """A result with what the cell itself tells."""
    common = {"id": cell.id, "name": cell.name, "path": str(cell.path), "choices": dict(cell.choices)}
    return CellResult(**{**common, "status": status, "config": cell.config, **more})


def without_superseded(results: Sequence[CellResult]) -> list[CellResult]:
    """Return `results` without those of which a done cell of the same configuration has a later schema."""
    latest: dict[str, int] = {}
    for result in results:
        if result.status == "done":
            latest[result.identity_key] = max(result.schema, latest.get(result.identity_key, 0))
    return [result for result in results if result.schema >= latest.get(result.identity_key, 0)]


def differing_keys(results: Sequence[CellResult]) -> list[str]:
    """Depth, and what else differs between cells, but for the arm and for options that only another choice brings."""
    flats = [result.identity_text for result in results]
    differ = [k for k in dict.fromkeys(k for flat in flats for k in flat) if len({flat.get(k) for flat in flats}) > 1]
    told = {"depth", "norm", "residual"}
    return ["depth", *(k for k in differ if k not in told and not ("." in k and k.split(".")[0] in {*differ, *told}))]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known and finite, if anything is."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return None
    middle = 2 * math.fsum(v / (2 * len(known)) for v in known)  # halved, the sum of the largest floats is one
    return min(max(middle, min(known)), max(known))


def missing_seeds(cell: Cell, done: CellResult | None) -> tuple[int, ...]:
    """The seeds that a cell asks for and that are not among what is done of it, if anything is.

    Those of which it asks for what was not measured are missing, too.
    """
    known = done.replicates if done and not cell.settings.fresh else ()
    have = {r.seed for r in known if cell.measured <= {*r.measured}}
    return tuple(seed for seed in cell.settings.seed_list if seed not in have)


def finite_or_none(value: float) -> float | None:
    """A float for JSON: None where it is not finite."""
    return float(value) if math.isfinite(value) else None
