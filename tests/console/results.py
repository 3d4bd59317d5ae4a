"""Results for tests of the console, and their rendering."""

import io
import math
from typing import Any

from rich.console import Console, RenderableType

from resexp.record.result import CellResult, Replicate
from resexp.stats.verdict import Reference

TEN_CLASSES = Reference(math.log(10), 0.0, 0.1, 1438)


def cell_result(
    norm: str = "pre",
    residual: str = "on",
    depth: int = 8,
    loss: float = 0.01,
    *,
    lr: float = 1e-3,
    optimizer: str = "adamw",
    accuracy: float = 0.9,
    status: str = "done",
    **fields: Any,
) -> CellResult:
    """Return the result of a cell with two replicates that end at `loss`."""
    choices = {"dataset": "digits", "norm": norm, "residual": residual, "optimizer": optimizer}
    config = {"depth": depth, "seeds": [0, 1], "dataset": {}, "norm": {}, "residual": {}, "optimizer": {"lr": lr}}
    replicates = [Replicate(seed, 9, True, 2.4, loss, loss, accuracy, loss, accuracy) for seed in (0, 1)]
    name = f"digits-mlp/x/{depth}"
    return CellResult(f"{choices}{config}", name, "/x", status, choices, config, replicates, TEN_CLASSES, **fields)


def drawn(renderable: RenderableType, width: int = 80) -> str:
    """Return the text on a terminal of this width."""
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()
