"""The functions of the public API. Each imports what it needs when it is called."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from torch import Tensor, nn

    from resexp.analysis.compare import Comparison
    from resexp.analysis.diagnosis import ProbeResult
    from resexp.config.compose import OverrideValue
    from resexp.record.frames import Frames
    from resexp.record.result import CellResult
    from resexp.sweeps.arm_search import ArmSearch


def train(*overrides: str, **settings: "OverrideValue") -> "CellResult":
    """Train a cell, as `resexp train` does.

    Seeds that are already done are not trained again; an interrupted training resumes from its checkpoint.

    Args:
        overrides: `KEY=VALUE` strings as on the command line, for keys with a dot.
        settings: the same as keyword arguments. `train("optimizer.lr=3e-3", norm="pre", depth=48)` is
            `resexp train optimizer.lr=3e-3 norm=pre depth=48`.

    Returns:
        The recorded result with a `Replicate` per seed. If training fails, its `status` is "failed" and `error` the
        reason in one line.

    Raises:
        InputError: an override is wrong, or the data, a class or the device is not available; nothing was written.
        KeyboardInterrupt: after Ctrl-C, once a checkpoint is saved.

    """
    from resexp.cells.event_log import log_events
    from resexp.cells.interrupt import Stop
    from resexp.cells.run import train as train_cell
    from resexp.config.compose import Composer, quoted
    from resexp.record.files import check_writable

    composer = Composer()
    cell = composer.cell(composer.normalize([*overrides, *(f"{k}={quoted(v)}" for k, v in settings.items())]))
    check_writable(Path(cell.settings.outputs))
    stop = Stop()
    with stop.on_signals():
        return train_cell(cell, log_events(cell), stop=stop)


def sweep(*overrides: str, **values: "OverrideValue") -> "list[CellResult]":
    """Train the cells of a sweep, as `resexp train -m` does.

    Args:
        overrides: `KEY=VALUE` strings as on the command line, such as "optimizer.lr=1e-3,3e-3", "sweep=matrix" or
            "hydra.launcher.workers=2".
        values: the same as keyword arguments. A list holds the values to sweep:
            `sweep(norm=["none", "pre"], depth=[8, 48])` trains four cells. A list for `seeds` or `tuning_seeds` is one
            value, the seeds of every cell.

    Returns:
        The result of each cell, failed ones included.

    Raises:
        InputError: as in `train`, for any of the cells.
        RuntimeError: a Hydra launcher or sweeper ended the sweep early.
        KeyboardInterrupt: after Ctrl-C, once checkpoints are saved.

    """
    from resexp.cells.event_log import log_events
    from resexp.cells.interrupt import Stop
    from resexp.config.compose import Composer
    from resexp.sweeps.sweep import sweep as train_sweep

    composer = Composer()
    normalized = composer.normalize(_sweep_overrides(overrides, values))
    outcome = train_sweep(composer, normalized, composer.jobs(normalized), log_events, Stop())
    if outcome.error:
        raise RuntimeError(outcome.error)
    return outcome.results


def depth(*overrides: str, **values: "OverrideValue") -> "list[ArmSearch]":
    """Search for the trainable depth D50 of each arm, as `resexp depth` does.

    Args:
        overrides: `KEY=VALUE` strings as on the command line.
        values: the same as keyword arguments, with lists as in `sweep`; every combination is an arm. One `depth` is the
            deepest to try, several give the range; the values of `optimizer.lr` are the candidate learning rates:
            `depth("optimizer.lr=1e-3,3e-3", norm=["none", "pre"], depth=64)`.

    Returns:
        The search of each arm. Its `estimate` holds D50 and its interval, or is None if the search failed for the
        reason in `error`.

    Raises:
        InputError: as in `sweep`, or the overrides leave nothing to search.
        RuntimeError: a Hydra launcher ended the search early.
        KeyboardInterrupt: after Ctrl-C, once checkpoints are saved.

    """
    from resexp.cells.event_log import log_events
    from resexp.cells.interrupt import Stop
    from resexp.config.compose import Composer
    from resexp.sweeps.arm_search import arm_searches
    from resexp.sweeps.depth_search import search_depths

    composer = Composer()
    normalized = composer.normalize(_sweep_overrides(overrides, values))
    searches = arm_searches(composer, normalized)
    outcome = search_depths(composer, normalized, searches, log_events, Stop())
    if outcome.error:
        raise RuntimeError(outcome.error)
    return searches


def _sweep_overrides(overrides: tuple[str, ...], values: "dict[str, OverrideValue]") -> list[str]:
    """Return the overrides of a sweep. A list is several values, unless the setting itself is a list of seeds."""
    from resexp.config.compose import quoted

    def text(key: str, value: "OverrideValue") -> str:
        is_list = isinstance(value, list | tuple | range) and key not in ("seeds", "tuning_seeds")
        return ",".join(map(quoted, value)) if is_list else quoted(value)  # type: ignore[arg-type]

    return [*overrides, *(f"{key}={text(key, value)}" for key, value in values.items())]


def probe(
    module: "nn.Module",
    batch: "Tensor | tuple[Tensor, Tensor]",
    *,
    loss: "Callable[[Any, Tensor], Tensor] | None" = None,
    blocks: str | None = None,
) -> "ProbeResult":
    """Measure signal and gradient through the blocks of any torch module, in one forward and backward pass.

    The module runs in training mode and is left as it was.

    Args:
        module: a module with repeated blocks.
        batch: inputs (B, …), or a pair of inputs and class targets.
        loss: a function of the output and the targets; the default is the cross-entropy. Without targets, the default
            is the output's component along a fixed random direction.
        blocks: a pattern that names the blocks, such as "encoder.layers.*"; by default they are found by structure.

    Returns:
        The gain per block forward and backward, the measurements of each layer, and a diagnosis in one sentence.

    Raises:
        InputError: the module has no repeated blocks, or `batch` is no such tensor or pair.

    """
    from resexp.cells.probe import probe_module

    return probe_module(module, batch, loss, blocks)


def compare(a: str, b: str, path: str | Path = "outputs", by: str | None = None) -> "Comparison":
    """Compare finished cells, matched and paired by seed, as `resexp compare` does.

    `compare("norm=pre", "norm=none", by="depth")` compares pre-norm with no norm at each depth.

    Args:
        a, b: filters, such as "norm=pre optimizer.lr=1e-3"; the syntax is that of `resexp runs`.
        path: an outputs directory, or the directory of a sweep or a run.
        by: a key; each of its values gets one row, averaged within a seed over the cells that share it.

    Returns:
        The comparison with its `rows` and, if the cells form grids of residual × norm, factorial `effects`.

    Raises:
        InputError: there is no such path, or a filter is malformed, matches nothing or is ambiguous.

    """
    from resexp.analysis.compare import compare_cells
    from resexp.record.index import scan

    return compare_cells(a, b, [*scan([Path(path)])], by)


def load(path: str | Path = "outputs") -> "Frames":
    """Read results as pandas data frames. `resexp runs --parquet FILE` writes the frame `cells`.

    Args:
        path: an outputs directory, or the directory of a sweep or a run.

    Returns:
        Four frames: `cells` has a row per cell; `replicates` per cell and seed; `steps` per cell, seed and step;
        `layers`, filled if diagnostics were on, per cell, seed, step, quantity and layer. Unknown values are null.

    Raises:
        InputError: there is no such path.

    Columns:

    | frame | column | type | unit | meaning |
    |---|---|---|---|---|
    | all | `id` | text | – | of the cell: sha256 of its configuration |
    | cells | `name` | text | – | run directory, relative to the path that was read |
    | cells | `path` | text | – | run directory, absolute |
    | cells | `status` | text | – | done, failed, interrupted or running |
    | cells | `error` | text | – | reason of a failure |
    | cells | `seconds` | float | s | training time |
    | cells | `schema` | int | – | the version of the stored files; names are always those of the newest |
    | cells | `arm` | text | – | placement and residual scheme, such as `pre+residual` |
    | cells | `depth`, … | varies | varies | the settings, as `resexp train` takes them |
    | cells | `norm`, … | text | – | option chosen in each group |
    | cells | `optimizer.lr`, … | varies | varies | settings of these options |
    | cells | `trained`, `slow`, `stuck`, `diverged` | int | seeds | replicates with this verdict |
    | cells, replicates | `loss_train` | float | nats | final loss on a fixed train subset; mean in cells |
    | cells, replicates | `loss_val` | float | nats | final loss on the validation split; likewise |
    | cells, replicates | `accuracy_train`, `accuracy_val` | float | 1 | final accuracies; likewise |
    | cells, replicates | `score` | float | 1 | S: 0 if never below ℓ0, 1 if at ℓ_ref at once; mean in cells |
    | cells, replicates | `steps_to_target` | float | steps | until the smoothed loss is the target; median in cells |
    | cells, replicates | `censored` | bool | – | true if never: the steps are then a lower bound |
    | replicates, steps, layers | `seed` | int | – | seed of the replicate |
    | replicates | `steps` | int | steps | steps trained with finite values |
    | replicates | `finite` | bool | – | true if every loss and gradient was finite |
    | replicates | `loss_initial` | float | nats | loss of the first minibatch |
    | replicates | `loss_lowest` | float | nats | lowest running median of the minibatch losses |
    | replicates | `measured` | list of text | – | quantities that diagnostics measured |
    | replicates | `verdict` | text | – | trained, slow, stuck or diverged |
    | replicates | `flags` | list of text | – | collapsed, exploding |
    | steps, layers | `step` | int | steps | number of updates before the measurement |
    | steps | `loss` | float | nats | minibatch loss |
    | steps | `accuracy` | float | 1 | minibatch accuracy |
    | steps | `grad_norm` | float | nats/weight | gradient norm over all weights, before clipping |
    | steps | `lr` | float | – | learning rate |
    | steps | `loss_val` | float | nats | validation loss, null between validations |
    | steps | `accuracy_val` | float | 1 | validation accuracy, null between validations |
    | layers | `layer` | int | – | 0 … L for the stream, 1 … L for blocks, −1 for the whole network |
    | layers | `quantity` | text | – | name of the quantity, defined in resexp/README.md |
    | layers | `value` | float | the quantity's | value of the quantity |
    """
    from resexp.record.frames import load as load_frames

    return load_frames(path)
