"""The shallow reference that sets the bar of a verdict: depth 4, pre, residual, at its best learning rate."""

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
"""The settings that a reference has in common with the cell that it judges."""


def measure_reference(cell: Cell, data: Data, train: Callable[[Cell], CellResult]) -> Reference:
    """ℓ0 and ℓ_ref of the cell's data, model and budget.

    ℓ_ref is the median end loss at the best learning rate. A loss below 0.05 ℓ0 ends the search and counts as 0. The
    references are ordinary cells in outputs/.reference, so that `train` trains each only once.
    """
    targets, looked_at = data.train.y, subset(data.train).y.numel()
    zero, majority = constant_loss(targets.flatten().numpy())
    bigram = bigram_loss(data.train.x.flatten().numpy(), targets.flatten().numpy()) if data.is_tokens else None
    losses: list[float] = []
    for rate in RATES:
        result = train(reference_cell(cell, rate))
        ends = [r.loss_train for r in result.replicates if r.loss_train is not None]
        if result.status == "done" and len(ends) == len(SEEDS):
            losses.append(median(ends))
            if losses[-1] < 0.05 * zero:
                losses.append(0.0)
                break
    return Reference(zero, min(losses, default=None), majority, looked_at, bigram)


def reference_cell(cell: Cell, rate: float) -> Cell:
    """The reference cell at a learning rate; what it does not share with `cell` is at its default."""
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
