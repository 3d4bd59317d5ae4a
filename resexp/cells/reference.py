"""The shallow reference that sets the target loss of verdicts: depth 4, norm=pre, residual=on, best learning rate."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from omegaconf import OmegaConf

from resexp.config.cell import Cell
from resexp.config.settings import Settings, conf_dir
from resexp.data.dataset import Data
from resexp.engine.evaluation import subset
from resexp.record.result import CellResult
from resexp.stats.verdict import Reference, bigram_loss, constant_loss

SEEDS = [1000, 1001, 1002]
RATES = (1e-3, 3e-3, 3e-4)
CHOICES = {
    "norm": "pre",
    "normalizer": "layernorm",
    "residual": "on",
    "body": "ffn",
    "init": "he",
    "optimizer": "adamw",
    "schedule": "constant",
    "diagnostics": "off",
}
SHARED = ("width", "steps", "batch_size", "precision", "device", "threads", "pack")
"""The settings that a reference shares with the cell whose target loss it sets."""


def measure_reference(cell: Cell, data: Data, train: Callable[[Cell], CellResult]) -> Reference:
    """Measure ℓ0 and ℓ_ref for the data, model and budget of a cell.

    ℓ_ref is the lowest median of the final training loss over the learning rates of RATES. A loss below 0.05 ℓ0 ends
    the search and counts as 0.

    Args:
        cell: the cell whose target loss is needed.
        data: its data.
        train: trains a reference cell. References are stored in `outputs/.reference`, so each is trained only once.

    """
    targets, evaluated = data.train.y, subset(data.train).y.numel()
    constant, majority = constant_loss(targets.flatten().numpy())
    bigram = bigram_loss(data.train.x.flatten().numpy(), targets.flatten().numpy()) if data.is_tokens else None
    losses: list[float] = []
    for rate in RATES:
        result = train(reference_cell(cell, rate))
        finite = [r.loss_train for r in result.replicates if r.loss_train is not None]
        if result.status == "done" and len(finite) == len(SEEDS):
            losses.append(median(finite))
            if losses[-1] < 0.05 * constant:
                losses.append(0.0)
                break
    return Reference(constant, min(losses, default=None), majority, evaluated, bigram)


def reference_cell(cell: Cell, rate: float) -> Cell:
    """Return the reference of a cell at a learning rate; what they do not share has its default value."""
    settings = replace(
        Settings(**{name: getattr(cell.settings, name) for name in SHARED}),
        depth=4,
        seeds=SEEDS,
        eval_every=cell.settings.steps,
        outputs=str(Path(cell.settings.outputs) / ".reference"),
    )
    options: dict[str, Any] = {
        group: OmegaConf.to_container(OmegaConf.load(conf_dir() / group / f"{choice}.yaml"))
        for group, choice in CHOICES.items()
    }
    options["optimizer"]["lr"] = rate
    return Cell(settings, {**cell.choices, **CHOICES}, {**cell.options, **options}, changed=(f"lr{rate:g}",))
