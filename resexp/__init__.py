"""resexp, the trainability lab. Public: `train`, `sweep`, `probe`, `compare`, `load`.

Importing it imports nothing heavy.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resexp.record.frames import Frames
    from resexp.record.result import CellResult
    from resexp.stats.compare import Comparison
    from resexp.stats.diagnosis import Probed

__all__ = ["compare", "load", "probe", "sweep", "train"]


def train(*overrides: str, **dials: Any) -> "CellResult":
    """Train a cell, as `resexp train` does, and return its result.

    `train("optimizer.lr=3e-3", norm="pre", depth=48)` is `resexp train optimizer.lr=3e-3 norm=pre depth=48`; it prints
    nothing. Raises `resexp.kinds.InputError`, a ValueError, on bad input; a fault in training is a result with status
    "failed" and its reason in `error`.
    """
    from resexp.compose import Composer, quoted
    from resexp.record.store import check_writable
    from resexp.run import train as run
    from resexp.stopping import Stop

    composer = Composer()
    given = composer.overrides([*overrides, *(f"{key}={quoted(value)}" for key, value in dials.items())])
    cell = composer.cell(given)
    check_writable(Path(cell.dials.outputs))
    stop = Stop()
    with stop.on_signals():
        return run(cell, stop=stop)


def sweep(*overrides: str, **values: Any) -> "list[CellResult]":
    """Train the cells of a sweep, as `resexp train -m` does, and return their results.

    `sweep("hydra.launcher.workers=2", norm=["none", "pre"], depth=[8, 48], seeds=5)`: a list is a set of values to
    sweep, but for `seeds` and `tuning_seeds`, where it is the seeds. Raises as `train` does,
    and RuntimeError where an engine ended the sweep early.
    """
    from resexp.compose import Composer, quoted
    from resexp.record.store import check_writable
    from resexp.stopping import Stop
    from resexp.sweeping import sweep as run

    def values_of(key: str, value: object) -> str:
        many = isinstance(value, list | tuple | range) and key not in ("seeds", "tuning_seeds")
        return ",".join(map(quoted, value)) if many else quoted(value)  # type: ignore[call-overload]

    composer = Composer()
    given = composer.overrides([*overrides, *(f"{key}={values_of(key, value)}" for key, value in values.items())])
    jobs = composer.jobs(given)
    for outputs in {cell.dials.outputs for _, cell in jobs}:
        check_writable(Path(outputs))
    swept = run(composer, given, jobs, lambda cell: lambda event: None, Stop())
    if swept.error:
        raise RuntimeError(swept.error)
    return swept.results


def probe(module: Any, batch: Any, *, loss: Any = None, blocks: str | None = None) -> "Probed":
    """Look into any torch module that has repeated blocks, one pass forward and backward, in training mode.

    `batch` is an input (B, …), or a pair of it and class targets. `loss(output, targets)` is the cross-entropy unless
    given; without targets, the output along a random direction. `blocks` names the blocks, as `encoder.layers.*`;
    without it they are found. The module is left as it was. Raises `resexp.kinds.InputError` where it has no blocks.
    """
    from resexp.probing import look_at_module

    return look_at_module(module, batch, loss, blocks)


def compare(a: str, b: str, path: str | Path = "outputs", by: str | None = None) -> "Comparison":
    """What the results below `path` say of A against B, as `resexp compare` does: its `rows`, its `to_json()`.

    `compare("norm=pre", "norm=none", by="depth")`: filters as in `resexp.record.filters`, a row per depth. Raises
    `resexp.kinds.InputError` where a filter is wrong or leaves open what is meant.
    """
    from resexp.record.index import scan
    from resexp.stats.compare import comparison

    return comparison(a, b, [*scan([Path(path)])], by)


def load(path: str | Path = "outputs") -> "Frames":
    """The results below `path` as data frames: `.cells`, `.replicates`, `.steps`, `.layers`.

    What is in them `resexp.record.frames.Frames` says.
    """
    from resexp.record.frames import load as frames

    return frames(path)
