"""What can be set: the typed dials, and the cell, which is its configuration. Imports nothing heavy."""

import dataclasses
import hashlib
import importlib.util
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from resexp.kinds import AT_LEAST_0, CLIP, DEVICE, FLAG, SEEDS, TEXT, TUNING, InputError, Kind, one_of, whole

SCHEMA = 2
"""Version of what a cell's identity hashes; a change of meaning raises it, so that old results are never reused."""

APART = ("diagnostics",)
"""Groups whose choice makes no other cell."""

DIGITS = 12
"""Digits of the identity that end the name of a run directory."""


def conf_dir() -> Path:
    """Where the shipped YAML lies: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).parent
    return next(d for d in (here / "conf", here.parent / "conf") if d.is_dir())


def dial(default: object, kind: Kind, text: str, *, identity: bool = True) -> Any:
    """A top-level option. `identity`: whether another value makes another cell."""
    return field(default=default, metadata={"kind": kind, "help": text, "identity": identity})


@dataclass(frozen=True, kw_only=True)
class Dials:
    """The options that belong to every cell, whatever its model and data."""

    depth: int = dial(16, whole(1, 100_000), "residual blocks")
    width: int = dial(64, whole(1, 1_000_000), "units of the residual stream")
    activation: str = dial("relu", one_of("relu", "gelu", "tanh", "silu", "identity"), "φ of the blocks")
    seeds: int | list[int] = dial(5, SEEDS, "replicates: n for 0 … n−1, or a list", identity=False)
    steps: int = dial(300, whole(1, 1_000_000_000), "optimizer steps")
    batch_size: int = dial(128, whole(1, 1_000_000_000), "samples per step and replicate")
    clip: float | None = dial(None, CLIP, "largest gradient norm of a replicate; null: no clipping")
    precision: str = dial("float32", one_of("float32", "float64"), "of weights and activations")
    pack: str = dial("auto", one_of("auto", "vmap", "plain"), "how replicates run: at once (vmap) or in turn (plain)")
    device: str = dial("auto", DEVICE, "auto: cuda where there is one", identity=False)
    threads: int | str = dial("auto", whole(1, 1024, "auto"), "CPU threads; auto: torch's choice", identity=False)
    log_every: int = dial(10, whole(1, 1_000_000_000), "steps between readings of the losses", identity=False)
    eval_every: int = dial(50, whole(1, 1_000_000_000), "steps between validations", identity=False)
    checkpoint_every: float = dial(30.0, AT_LEAST_0, "seconds between checkpoints", identity=False)
    keep_checkpoints: str = dial(
        "auto",
        one_of("auto", "none", "weights", "all"),
        "what stays at the end: the final weights, unless they are large (auto), none, weights, or all",
        identity=False,
    )
    tuning_seeds: list[int] | None = dial(
        None,
        TUNING,
        "seeds that choose among the lrs of a sweep; the others test the choice",
        identity=False,
    )
    metric: str = dial(
        "loss_val",
        one_of("loss_train", "loss_val", "accuracy_val"),
        "what a sweeper that searches gets to see: the mean over seeds",
        identity=False,
    )
    outputs: str = dial("outputs", TEXT, "where results go", identity=False)
    force: bool = dial(False, FLAG, "allow choices of which one needs another than is given", identity=False)
    fresh: bool = dial(False, FLAG, "train again what is finished", identity=False)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds asked for."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


DIALS = {f.name: f for f in dataclasses.fields(Dials)}


@dataclass(frozen=True)
class Cell:
    """One checked configuration.

    Attributes:
        dials: the top-level options.
        choices: the chosen option of each group.
        options: the resolved options of each group.
        changed: a word for each key, beyond those that the path names anyway, that is not at its default.
        overrides: what `resexp train` takes to make this cell.
        block_work: how many times the work of an MLP's block a block of its model is, roughly.

    """

    dials: Dials
    choices: Mapping[str, str]
    options: Mapping[str, Mapping[str, Any]]
    changed: tuple[str, ...]
    overrides: tuple[str, ...] = ()
    block_work: float = 1.0

    @property
    def arm(self) -> str:
        """As arm_of."""
        return arm_of(self.choices)

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration, as stored: dials, then groups."""
        return {**dataclasses.asdict(self.dials), **{group: dict(options) for group, options in self.options.items()}}

    @cached_property
    def id(self) -> str:
        """Sha256 of what the numbers depend on. Raises InputError where a data path cannot be read."""
        dials = {name: _fingerprint(getattr(self.dials, name)) for name, f in DIALS.items() if f.metadata["identity"]}
        options = {group: _fingerprint(values) for group, values in self.options.items() if group not in APART}
        text = json.dumps({"schema": SCHEMA, "dials": dials, "options": options}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def measured(self) -> frozenset[str]:
        """The quantities that its diagnostics measure, and the pattern of the blocks if there is one."""
        options = self.options.get("diagnostics", {})
        names = {name.rpartition(".")[2] for key in ("quantities", "dear") for name in options.get(key, ())}
        return frozenset(names | ({f"blocks={options['blocks']}"} if options.get("blocks") else set()))

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells the cells of a sweep apart."""
        return str(self.path), self.dials.seed_list

    @property
    def work(self) -> float:
        """Roughly how much there is to compute, in a unit of its own."""
        d = self.dials
        return self.block_work * len(d.seed_list) * d.steps * d.batch_size * d.depth * d.width * (d.width + 64)

    @property
    def name(self) -> str:
        """The run directory below outputs/, in words."""
        words = [f"depth{self.dials.depth:04d}", *self.changed]
        safe = re.sub(r"[^A-Za-z0-9.+_-]+", "_", "-".join(words))[:96]
        return f"{self.choices['dataset']}-{self.choices['model']}/{self.arm}/{safe}-{self.id[:DIGITS]}"

    @property
    def path(self) -> Path:
        """The run directory, absolute."""
        return Path(self.dials.outputs).absolute() / self.name


def arm_of(choices: Mapping[str, str]) -> str:
    """Placement and residual scheme: `pre+residual`, `pre+plain`, `pre+<scheme>`."""
    scheme = {"on": "residual", "off": "plain"}.get(choices["residual"], choices["residual"])
    return f"{choices['norm']}+{scheme}"


def _fingerprint(value: Any, key: str = "") -> Any:
    """`value` with paths as their content's hash, modules and foreign classes followed by their source's, 1.0 as 1."""
    if isinstance(value, Mapping):
        return {k: _fingerprint(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_fingerprint(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if key == "path" and isinstance(value, str):
        return content_hash(Path(value).expanduser())
    foreign = key == "module" or (key == "_target_" and value.split(".")[0] not in ("resexp", "torch"))
    return [value, source_hash(value)] if foreign and value is not None else value


def content_hash(root: Path, pattern: str = "*") -> str:
    """Sha256 over a file, or over the names and bytes of the files below a directory."""
    if not root.exists():
        raise InputError(f"{root}: no such file or directory")
    digest = hashlib.sha256()
    try:
        for file in [root] if root.is_file() else sorted(f for f in root.rglob(pattern) if f.is_file()):
            digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise InputError(f"{root}: {error.strerror}") from None
    return digest.hexdigest()


def source_hash(target: str) -> str:
    """Sha256 over the Python files of the package or module that a foreign class comes from; none of it is run."""
    name = target.partition(".")[0]
    spec = importlib.util.find_spec(name)
    roots = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    if not roots or roots[0] is None:
        raise InputError(f"{target}: no package {name} here")
    root = Path(roots[0])
    return content_hash(root, "*.py") if root.exists() else roots[0]  # of the standard library, some have no file
