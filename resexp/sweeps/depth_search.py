"""The search for the trainable depth of arms. The trials of all arms in a round are trained as cells of one sweep."""

from collections.abc import Sequence
from dataclasses import dataclass

from resexp.cells.callbacks import CallbackFor, CellEnd
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.record.index import finished_result
from resexp.record.result import CellResult
from resexp.stats.depth import Trial
from resexp.sweeps.arm_search import ArmSearch
from resexp.sweeps.estimate import cells_to_train
from resexp.sweeps.manifest import SweepManifest
from resexp.sweeps.sweep import sweep


@dataclass(frozen=True)
class DepthSearchResult:
    """The outcome of a search, beside the estimates that the arms hold.

    Attributes:
        outputs: the outputs directory.
        failures: the results of failed cells.
        error: why the search ended early, if it did.

    """

    outputs: str
    failures: list[CellResult]
    error: str | None


@dataclass(frozen=True)
class _ArmTrial:
    """A trial of an arm, and the job that trains it."""

    arm: ArmSearch
    trial: Trial
    overrides: list[str]
    cell: Cell


def first_round(composer: Composer, arms: Sequence[ArmSearch]) -> list[Cell]:
    """Return the cells of the first round. Raises InputError."""
    return [trial.cell for trial in _next_round(composer, arms)]


def search_depths(
    composer: Composer, overrides: list[str], arms: Sequence[ArmSearch], callback_for: CallbackFor, stop: Stop
) -> DepthSearchResult:
    """Run the searches of all arms round by round until each has ended; recorded cells are not trained again.

    Args:
        composer: composes the cells.
        overrides: the normalized overrides of the command.
        arms: the planned searches; they are updated in place.
        callback_for: returns the callback of a cell.
        stop: a request to stop.

    Raises:
        InputError: a cell is not valid, or the manifest cannot be written.
        OSError: a file cannot be written.
        KeyboardInterrupt: `stop` was requested.

    """
    manifest, failures = SweepManifest(composer, overrides), list[CellResult]()
    while trials := _next_round(composer, arms):
        manifest.write(trial.cell for trial in trials)
        unfinished = [trial for trial in trials if not _add_finished(trial, callback_for)]
        if not unfinished:
            continue
        missing_runs = {trial.cell.key: _missing_runs(trial.cell) for trial in unfinished}
        jobs = [(trial.overrides, trial.cell) for trial in unfinished]
        swept = sweep(composer, overrides, jobs, callback_for, stop, manifest)
        results = dict(zip(missing_runs, swept.results, strict=True))
        for trial in unfinished:
            result = results[trial.cell.key]
            trial.arm.add_result(trial.trial, result)
            trial.arm.trained += missing_runs[trial.cell.key] * (result.status == "done")
        failures += [result for result in swept.results if result.status != "done"]
        if swept.error:
            return DepthSearchResult(manifest.outputs, failures, swept.error)
    return DepthSearchResult(manifest.outputs, failures, None)


def _next_round(composer: Composer, arms: Sequence[ArmSearch]) -> list[_ArmTrial]:
    """Compose the trials that the arms ask for; none if all searches have ended."""
    return [
        _ArmTrial(arm, trial, overrides := arm.job(trial), composer.cell(overrides))
        for arm in arms
        for trial in arm.trials
    ]


def _add_finished(trial: _ArmTrial, callback_for: CallbackFor) -> bool:
    """Add the recorded result of a trial to its arm; return False if there is none."""
    result = finished_result(trial.cell)
    if result is None:
        return False
    callback_for(trial.cell)(CellEnd("cell", result, ()))
    trial.arm.add_result(trial.trial, result)
    return True


def _missing_runs(cell: Cell) -> int:
    """Return the number of replicates of a cell that are not done."""
    return sum(len(part.settings.seed_list) for part in cells_to_train([cell]))
