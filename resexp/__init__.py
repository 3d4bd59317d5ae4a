"""resexp, the trainability lab. Public: `train`, `sweep`, `depth`, `probe`, `compare`, `load`.

Importing it imports nothing heavy.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resexp.analysis.compare import Comparison
    from resexp.analysis.diagnosis import Probed
    from resexp.record.frames import Frames
    from resexp.record.result import CellResult
    from resexp.sweeps.depth_search import ArmSearch

__all__ = ["compare", "depth", "load", "probe", "sweep", "train"]


def train(*overrides: str, **settings: Any) -> "CellResult":
    """Train a cell, as `resexp train` does, and return its result.

    `train("optimizer.lr=3e-3", norm="pre", depth=48)` is `resexp train optimizer.lr=3e-3 norm=pre depth=48`; it prints
    nothing. Raises `resexp.InputError`, a ValueError, on bad input; a fault in training is a result with status
    "failed" and its reason in `error`.
    """
    from resexp.cells.interrupt import Stop
    from resexp.cells.run import train as run
    from resexp.config.compose import Composer, quoted
    from resexp.record.store import check_writable

    composer = Composer()
    given = composer.overrides([*overrides, *(f"{key}={quoted(value)}" for key, value in settings.items())])
    cell = composer.cell(given)
    check_writable(Path(cell.settings.outputs))
    stop = Stop()
    with stop.on_signals():
        return run(cell, stop=stop)


def sweep(*overrides: str, **values: Any) -> "list[CellResult]":
    """Train the cells of a sweep, as `resexp train -m` does, and return their results.

    `sweep("hydra.launcher.workers=2", norm=["none", "pre"], depth=[8, 48], seeds=5)`: a list is a set of values to
    sweep, but for `seeds` and `tuning_seeds`, where it is the seeds. Raises as `train` does,
    and RuntimeError where an engine ended the sweep early.
    """
    from resexp.cells.interrupt import Stop
    from resexp.config.compose import Composer
    from resexp.sweeps.job import no_callback
    from resexp.sweeps.sweep import sweep as run

    composer = Composer()
    given = composer.overrides(_swept(overrides, values))
    swept = run(composer, given, composer.jobs(given), no_callback, Stop())
    if swept.error:
        raise RuntimeError(swept.error)
    return swept.results


def depth(*overrides: str, **values: Any) -> "list[ArmSearch]":
    """Search for the depth to which arms train, as `resexp depth` does: of each its `found`, its `to_json()`.

    `depth("optimizer.lr=1e-3,3e-3", norm=["none", "pre"], depth=64)`: an arm per combination, up to 64 blocks. An arm
    whose search could not end has None in `found` and the reason in `failed`. Raises as `sweep` does.
    """
    from resexp.cells.interrupt import Stop
    from resexp.config.compose import Composer
    from resexp.sweeps.depth_search import arms, search
    from resexp.sweeps.job import no_callback

    composer = Composer()
    given = composer.overrides(_swept(overrides, values))
    wanted = arms(composer, given)
    done = search(composer, given, wanted, no_callback, Stop())
    if done.error:
        raise RuntimeError(done.error)
    return wanted


def _swept(overrides: tuple[str, ...], values: dict[str, Any]) -> list[str]:
    """The overrides of a sweep: a list is several values, but where the setting itself is a list."""
    from resexp.config.compose import quoted

    def values_of(key: str, value: object) -> str:
        many = isinstance(value, list | tuple | range) and key not in ("seeds", "tuning_seeds")
        return ",".join(map(quoted, value)) if many else quoted(value)  # type: ignore[call-overload]

    return [*overrides, *(f"{key}={values_of(key, value)}" for key, value in values.items())]


def probe(module: Any, batch: Any, *, loss: Any = None, blocks: str | None = None) -> "Probed":
    """Look into any torch module that has repeated blocks, one pass forward and backward, in training mode.

    `batch` is an input (B, …), or a pair of it and class targets. `loss(output, targets)` is the cross-entropy unless
    given; without targets, the output along a random direction. `blocks` names the blocks, as `encoder.layers.*`;
    without it they are found. The module is left as it was. Raises `resexp.InputError` where it has no blocks.
    """
    from resexp.cells.probe import look_at_module

    return look_at_module(module, batch, loss, blocks)


def compare(a: str, b: str, path: str | Path = "outputs", by: str | None = None) -> "Comparison":
    """What the results below `path` say of A against B, as `resexp compare` does: its `rows`, its `to_json()`.

    `compare("norm=pre", "norm=none", by="depth")`: filters as in `resexp.record.filters`, a row per depth. Raises
    `resexp.InputError` where a filter is wrong or leaves open what is meant.
    """
    from resexp.analysis.compare import comparison
    from resexp.record.index import scan

    return comparison(a, b, [*scan([Path(path)])], by)


def load(path: str | Path = "outputs") -> "Frames":
    """The results below `path`, an outputs directory, the record of a sweep or a run, as pandas data frames.

    `.cells`, a row per cell; `.replicates`, per cell and seed; `.steps`, per cell, seed and step; `.layers`, with
    diagnostics, per cell, seed, step, quantity and layer. Of columns that are not known of a row it is null. Raises
    `resexp.InputError` where there is no such path. `resexp runs --parquet FILE` writes `.cells`.

    | frame | column | type | unit | meaning |
    |---|---|---|---|---|
    | all | `id` | text | – | the cell's: sha256 of its configuration |
    | cells | `name` | text | – | its run directory, from `path` on |
    | cells | `path` | text | – | the same, absolute |
    | cells | `status` | text | – | done, failed, interrupted or running |
    | cells | `error` | text | – | why it failed |
    | cells | `seconds` | float | s | spent on training |
    | cells | `arm` | text | – | placement and residual scheme, as `pre+residual` |
    | cells | `depth`, … | as set | as in the README | the settings, as `resexp train` takes them |
    | cells | `norm`, … | text | – | the option chosen of each group |
    | cells | `optimizer.lr`, … | as set | as in the README | the keys of these options |
    | cells | `trained`, `slow`, `stuck`, `diverged` | int | seeds | how many got this verdict |
    | cells, replicates | `loss_train` | float | nats | at the end, on a fixed train subset; of cells, mean over seeds |
    | cells, replicates | `loss_val` | float | nats | at the end, on the validation split; likewise |
    | cells, replicates | `accuracy_train`, `accuracy_val` | float | 1 | the same as shares |
    | cells, replicates | `score` | float | 1 | S: from 0, never below ℓ0, to 1, at ℓ_ref at once; of cells, mean |
    | cells, replicates | `steps_to_target` | float | steps | until the smoothed loss met the bar; of cells, median |
    | cells, replicates | `censored` | bool | – | whether it never did: then it is a lower bound, the budget |
    | replicates, steps, layers | `seed` | int | – | the replicate's |
    | replicates | `steps` | int | steps | trained, all finite |
    | replicates | `finite` | bool | – | whether every loss and gradient was |
    | replicates | `loss_initial` | float | nats | of the first minibatch |
    | replicates | `loss_lowest` | float | nats | the lowest running median of the minibatch losses |
    | replicates | `measured` | list of text | – | the quantities that diagnostics measured |
    | replicates | `verdict` | text | – | trained, slow, stuck or diverged |
    | replicates | `flags` | list of text | – | collapsed, exploding |
    | steps, layers | `step` | int | steps | updates before it |
    | steps | `loss` | float | nats | of the minibatch |
    | steps | `accuracy` | float | 1 | of the minibatch |
    | steps | `grad_norm` | float | nats/weight | of all weights, before clipping |
    | steps | `lr` | float | – | the learning rate |
    | steps | `loss_val` | float | nats | where it was validated |
    | steps | `accuracy_val` | float | 1 | where it was validated |
    | layers | `layer` | int | – | 0 … L of the stream, 1 … L of the blocks, −1 of the whole network |
    | layers | `quantity` | text | – | what was measured, as in the README's layer diagnostics |
    | layers | `value` | float | the quantity's | its value |
    """
    from resexp.record.frames import load as frames

    return frames(path)
