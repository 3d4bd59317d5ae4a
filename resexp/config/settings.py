"""The settings of a cell: types, defaults and help."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resexp.config.values import (
    BOOLEAN,
    DEVICE,
    NON_NEGATIVE,
    OPTIONAL_POSITIVE,
    OPTIONAL_SEEDS,
    SEEDS,
    STRING,
    ValueType,
    integer,
    one_of,
)


def conf_dir() -> Path:
    """Return the directory of the shipped YAML: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).parents[1]
    return next(d for d in (here / "conf", here.parent / "conf") if d.is_dir())


def setting(default: object, value_type: ValueType, help_text: str, *, identity: bool = True) -> Any:
    """Return the dataclass field of a setting. `identity`: whether a cell's id depends on its value."""
    return field(default=default, metadata={"type": value_type, "help": help_text, "identity": identity})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings that every cell has, whatever its model and data."""

    depth: int = setting(16, integer(1, 100_000), "number of residual blocks")
    width: int = setting(64, integer(1, 1_000_000), "width of the residual stream")
    activation: str = setting("relu", one_of("relu", "gelu", "tanh", "silu", "identity"), "activation function")
    seeds: int | list[int] = setting(5, SEEDS, "replicates: n for seeds 0 … n−1, or a list of seeds", identity=False)
    steps: int = setting(300, integer(1, 1_000_000_000), "optimizer steps")
    batch_size: int = setting(128, integer(1, 1_000_000_000), "samples per step and replicate")
    clip: float | None = setting(None, OPTIONAL_POSITIVE, "maximum gradient norm of a replicate; null: no clipping")
    precision: str = setting("float32", one_of("float32", "float64"), "type of weights and activations")
    pack: str = setting(
        "auto",
        one_of("auto", "vmap", "plain"),
        "train replicates together (vmap) or one by one (plain); auto: by model and device",
    )
    device: str = setting("auto", DEVICE, "auto: cuda if available, else cpu", identity=False)
    threads: int | str = setting("auto", integer(1, 1024, "auto"), "CPU threads; auto: torch's choice", identity=False)
    log_every: int = setting(10, integer(1, 1_000_000_000), "steps between progress reports", identity=False)
    eval_every: int = setting(50, integer(1, 1_000_000_000), "steps between validations", identity=False)
    checkpoint_every: float = setting(30.0, NON_NEGATIVE, "seconds between checkpoints", identity=False)
    keep_checkpoints: str = setting(
        "auto",
        one_of("auto", "none", "weights", "all"),
        "what to keep after training; auto: the final weights unless large",
        identity=False,
    )
    tuning_seeds: list[int] | None = setting(
        None,
        OPTIONAL_SEEDS,
        "seeds that choose each arm's learning rate in a sweep; the others test it",
        identity=False,
    )
    metric: str = setting(
        "loss_val",
        one_of("loss_train", "loss_val", "accuracy_val"),
        "mean over seeds that a search, such as Optuna's, optimizes",
        identity=False,
    )
    outputs: str = setting("outputs", STRING, "directory for results", identity=False)
    force: bool = setting(False, BOOLEAN, "allow combinations of choices that their `needs` rule out", identity=False)
    fresh: bool = setting(False, BOOLEAN, "train finished cells again", identity=False)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds as a tuple: 0 … n−1 if `seeds` is a number n."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


SETTINGS = {f.name: f for f in dataclasses.fields(Settings)}
