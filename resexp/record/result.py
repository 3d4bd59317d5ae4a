"""The recorded result of a cell, its replicates, and what it cost."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from resexp.config.cell import Cell
from resexp.config.fingerprint import GROUPS_OUTSIDE_ID, SCHEMA
from resexp.config.settings import SETTINGS
from resexp.stats.scores import Scores
from resexp.stats.verdict import VERDICTS, Outcome, Reference, flags, verdict

NON_IDENTITY = frozenset(
    [*GROUPS_OUTSIDE_ID, *(name for name, spec in SETTINGS.items() if not spec.metadata["identity"])]
)
"""Keys of the configuration that are no part of a cell's identity."""

Status = Literal["done", "failed", "interrupted", "running", "waiting"]
"""Status of a cell; only in a running sweep it may be `waiting`."""


@dataclass(frozen=True)
class Replicate:
    """The training of one seed. Losses are in nats, and None if not finite or not reached.

    Attributes:
        seed: the seed.
        steps: steps trained before the first non-finite loss or gradient.
        finite: whether every loss and gradient was finite.
        loss_initial: of the first minibatch.
        loss_lowest: the lowest running median of the minibatch losses.
        loss_train: ℓ_T, at the end, on a fixed subset of the training split.
        accuracy_train: on the same subset, in [0, 1].
        loss_val: at the end, on the validation split.
        accuracy_val: on the validation split, in [0, 1].
        measured: the names of the quantities that diagnostics measured.

    """

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
        """The numbers on which the verdict depends."""
        return Outcome(self.finite, self.loss_initial, self.loss_train, self.accuracy_train, self.loss_lowest)


@dataclass(frozen=True)
class Cost:
    """What a training costs.

    Attributes:
        parameters: number of parameters of a replicate.
        flops: FLOPs of the matrix products in a step of a replicate, forward and backward; None if not countable.
        saved: bytes that autograd saves for the backward in a step of a replicate; None if not countable.
        step_seconds: median time of a step of the pack.
        replicates: number of replicates in the pack.

    """

    parameters: int
    flops: int | None
    saved: int | None
    step_seconds: float | None
    replicates: int


@dataclass(frozen=True)
class CellResult:
    """The recorded result of a cell.

    Attributes:
        id: the identity, sha256 of the configuration.
        name: the run directory relative to the directory that was scanned.
        path: the run directory, absolute.
        status: done, failed, interrupted, running or waiting.
        choices: the chosen option of each group.
        config: the resolved configuration.
        replicates: the trained seeds.
        reference: the losses that set the target of the verdicts; None until they are measured.
        error: why the cell failed, in a line.
        seconds: training time.
        notes: lines on unusual events, such as a file that was set aside.
        cost: of the pack trained last.
        schema: the schema of the stored files. Names in `config` are always those of the newest.

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
        """Whether its reference is measured by today's rules."""
        return self.reference is not None and self.reference.measured

    def verdict(self, replicate: Replicate) -> str | None:
        """Return the verdict of a replicate; None if the cell is not done or has no reference."""
        return verdict(replicate.outcome, self.reference) if self.reference and self.status == "done" else None

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """The setting `tuning_seeds`; empty if it is not set."""
        return tuple(self.config.get("tuning_seeds") or ())

    @property
    def verdict_counts(self) -> dict[str, int]:
        """The number of replicates with each verdict that occurs."""
        counts = Counter(self.verdict(r) for r in self.replicates)
        return {word: counts[word] for word in VERDICTS if counts[word]}

    def flags(self, replicate: Replicate) -> list[str]:
        """Return the flags of a replicate; none if the cell is not done or has no reference."""
        return flags(replicate.outcome, self.reference) if self.reference and self.status == "done" else []

    def shown_flags(self, replicate: Replicate) -> list[str]:
        """Return the flags worth showing: a stuck loss stays near ℓ0, which is no explosion."""
        stuck = self.verdict(replicate) == "stuck"
        return [flag for flag in self.flags(replicate) if not (stuck and flag == "exploding")]

    @property
    def flat(self) -> dict[str, Any]:
        """The configuration as one flat mapping: settings, choices, and options of the groups as `group.key`."""
        return self._flat(frozenset())

    @property
    def identity_config(self) -> dict[str, Any]:
        """`flat` without the keys that are no part of the identity."""
        return self._flat(NON_IDENTITY)

    @cached_property
    def identity_key(self) -> str:
        """`identity_config` as one string, by which cells of different schemas are matched."""
        return mapping_key(self.identity_config)

    @cached_property
    def identity_text(self) -> dict[str, str]:
        """`identity_config` as text, without the names of classes."""
        return {k: str(v) for k, v in self.identity_config.items() if not k.endswith("._target_")}

    def _flat(self, excluded: frozenset[str]) -> dict[str, Any]:
        choices = {k: v for k, v in self.choices.items() if k not in excluded}
        settings = {k: v for k, v in self.config.items() if k not in self.choices and k not in excluded}
        groups = ((g, self.config.get(g, {})) for g in choices)
        return {**settings, **choices, **{f"{g}.{k}": v for g, options in groups for k, v in options.items()}}

    def to_json(self, scores: Mapping[int, Scores] | None = None) -> dict[str, Any]:
        """Return the object that `resexp runs --json` prints, with the scores of each seed."""
        common = ("id", "name", "path", "status", "error", "choices", "config", "seconds", "notes", "schema")
        keys = ("seed", "loss_train", "loss_val", "accuracy_val", "steps", "accuracy_train")
        return {
            **{k: getattr(self, k) for k in common},
            "replicates": [
                {**{k: getattr(r, k) for k in keys}, "verdict": self.verdict(r), "flags": self.flags(r)}
                | (scores or {}).get(r.seed, Scores())._asdict()
                for r in self.replicates
            ],
        }


def mapping_key(mapping: Mapping[str, Any]) -> str:
    """Return a mapping as one string, whatever the order of its keys, by which cells are grouped and matched."""
    return repr(sorted(mapping.items(), key=str))


def result_for(cell: Cell, status: Status, **fields: Any) -> CellResult:
    """Return a result with the identity and configuration of `cell`; `fields` are further fields, or replace these."""
    common = {"id": cell.id, "name": cell.name, "path": str(cell.path), "choices": dict(cell.choices)}
    return CellResult(**{**common, "status": status, "config": cell.config, **fields})


def without_superseded(results: Sequence[CellResult]) -> list[CellResult]:
    """Return `results` without those of which a done cell of the same configuration has a later schema."""
    latest: dict[str, int] = {}
    for result in results:
        if result.status == "done":
            latest[result.identity_key] = max(result.schema, latest.get(result.identity_key, 0))
    return [result for result in results if result.schema >= latest.get(result.identity_key, 0)]


def differing_keys(results: Sequence[CellResult]) -> list[str]:
    """Return `depth` and the other keys in which cells differ.

    Left out are the arm, and options that exist only because another choice was made.
    """
    flats = [result.identity_text for result in results]
    differ = [k for k in dict.fromkeys(k for flat in flats for k in flat) if len({flat.get(k) for flat in flats}) > 1]
    shown = {"depth", "norm", "residual"}
    groups = {*differ, *shown}
    return ["depth", *(k for k in differ if k not in shown and not ("." in k and k.split(".")[0] in groups))]


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the finite values; None if there are none."""
    finite = [v for v in values if v is not None and math.isfinite(v)]
    if not finite:
        return None
    middle = 2 * math.fsum(v / (2 * len(finite)) for v in finite)  # halved, so that the largest floats do not overflow
    return min(max(middle, min(finite)), max(finite))


def missing_seeds(cell: Cell, done: CellResult | None) -> tuple[int, ...]:
    """Return the seeds of `cell` that are to be trained: those not in `done`, or with quantities not measured there."""
    replicates = done.replicates if done and not cell.settings.fresh else ()
    complete = {r.seed for r in replicates if cell.measured <= {*r.measured}}
    return tuple(seed for seed in cell.settings.seed_list if seed not in complete)


def finite_or_none(value: float) -> float | None:
    """Return a float for JSON: None if it is not finite."""
    return float(value) if math.isfinite(value) else None
