"""The settings of every cell, whatever its model and data: types, defaults, and what each one means."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resexp.config.values import AT_LEAST_0, CLIP, DEVICE, FLAG, SEEDS, TEXT, TUNING, ValueType, one_of, whole


def conf_dir() -> Path:
    """Where the shipped YAML lies: inside the package in a wheel, beside it in a checkout."""
    here = Path(__file__).parents[1]
    return next(d for d in (here / "conf", here.parent / "conf") if d.is_dir())


def setting(default: object, type_: ValueType, text: str, *, identity: bool = True) -> Any:
    """A top-level option. `identity`: whether another value makes another cell."""
    return field(default=default, metadata={"type": type_, "help": text, "identity": identity})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options that belong to every cell, whatever its model and data."""

    depth: int = setting(16, whole(1, 100_000), "residual blocks")
    width: int = setting(64, whole(1, 1_000_000), "units of the residual stream")
    activation: str = setting("relu", one_of("relu", "gelu", "tanh", "silu", "identity"), "φ of the blocks")
    seeds: int | list[int] = setting(5, SEEDS, "replicates: n for 0 … n−1, or a list", identity=False)
    steps: int = setting(300, whole(1, 1_000_000_000), "optimizer steps")
    batch_size: int = setting(128, whole(1, 1_000_000_000), "samples per step and replicate")
    clip: float | None = setting(None, CLIP, "largest gradient norm of a replicate; null: no clipping")
    precision: str = setting("float32", one_of("float32", "float64"), "of weights and activations")
    pack: str = setting(
        "auto", one_of("auto", "vmap", "plain"), "how replicates run: at once (vmap) or in turn (plain)"
    )
    device: str = setting("auto", DEVICE, "auto: cuda where there is one", identity=False)
    threads: int | str = setting("auto", whole(1, 1024, "auto"), "CPU threads; auto: torch's choice", identity=False)
    log_every: int = setting(10, whole(1, 1_000_000_000), "steps between readings of the losses", identity=False)
    eval_every: int = setting(50, whole(1, 1_000_000_000), "steps between validations", identity=False)
    checkpoint_every: float = setting(30.0, AT_LEAST_0, "seconds between checkpoints", identity=False)
    keep_checkpoints: str = setting(
        "auto",
        one_of("auto", "none", "weights", "all"),
        "what stays at the end: the final weights, unless they are large (auto), none, weights, or all",
        identity=False,
    )
    tuning_seeds: list[int] | None = setting(
        None,
        TUNING,
        "seeds that choose among the lrs of a sweep; the others test the choice",
        identity=False,
    )
    metric: str = setting(
        "loss_val",
        one_of("loss_train", "loss_val", "accuracy_val"),
        "what a sweeper that searches gets to see: the mean over seeds",
        identity=False,
    )
    outputs: str = setting("outputs", TEXT, "where results go", identity=False)
    force: bool = setting(False, FLAG, "allow choices of which one needs another than is given", identity=False)
    fresh: bool = setting(False, FLAG, "train again what is finished", identity=False)

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds asked for."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)


SETTINGS = {f.name: f for f in dataclasses.fields(Settings)}
