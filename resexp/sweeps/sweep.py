"""A sweep: its cells are trained through Hydra's sweeper and launcher, and its manifest is kept up to date."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.utils import JobReturn, JobStatus

from resexp.cells.callbacks import Callback, CallbackFor
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell, CellKey
from resexp.config.check import hydra_errors_as_input_errors
from resexp.config.compose import Composer, Job, quoted
from resexp.config.errors import InputError, error_text
from resexp.config.hydra_private import BASIC_LAUNCHER, job_value
from resexp.record.index import CellFailedError, recorded_result
from resexp.record.result import CellResult, result_for
from resexp.sweeps.job import CellTask, collect_failures
from resexp.sweeps.manifest import SweepManifest
from resexp.sweeps.poller import ResultPoller

LOCAL_LAUNCHER = "hydra_plugins.hydra_resexp.local_launcher.LocalLauncher"


@dataclass(frozen=True)
class SweepResult:
    """The outcome of a sweep.

    Attributes:
        results: the result of each cell, also of those that a sweeper chose during its search.
        error: why the sweep ended early, if it did.

    """

    results: list[CellResult]
    error: str | None


def sweep(
    composer: Composer,
    overrides: list[str],
    jobs: list[Job],
    callback_for: CallbackFor,
    stop: Stop,
    manifest: SweepManifest | None = None,
) -> SweepResult:
    """Train the cells of a sweep through Hydra.

    Args:
        composer: composes the cells.
        overrides: the normalized overrides of the sweep.
        jobs: its checked jobs, from `Composer.jobs`.
        callback_for: returns the callback of a cell.
        stop: a request to stop.
        manifest: the manifest of a sweep to which these cells belong; by default they are a sweep of their own.

    Raises:
        InputError: an override is not valid, or the manifest cannot be written.
        OSError: a file cannot be written.
        KeyboardInterrupt: `stop` was requested.

    """
    cells, failures = {cell.key: cell for _, cell in jobs}, dict[CellKey, CellResult]()
    collecting_callback_for = collect_failures(callback_for, failures)

    def registering_callback_for(cell: Cell) -> Callback:
        cells.setdefault(cell.key, cell)  # a cell that the sweeper chose during its search
        return collecting_callback_for(cell)

    manifest = manifest or SweepManifest(composer, overrides)
    manifest.write(cells.values())
    task = CellTask(composer.checker, jobs, registering_callback_for, stop)
    sweep_overrides = [*overrides, f"hydra.sweep.dir={quoted(manifest.directory)}"]
    sends_events = runs_in_this_process(composer, overrides)
    error = None
    with contextlib.nullcontext() if sends_events else ResultPoller([*cells.values()], callback_for):
        try:
            with hydra_errors_as_input_errors():
                batches = composer.hydra.multirun(composer.config_name, task, sweep_overrides)
            _add_remote_failures(jobs, batches[0] if batches else [], failures)
        except (InputError, OSError):
            raise
        except Exception as fault:  # a launcher may raise anything if it loses one of its jobs
            error = error_text(fault)
        finally:
            manifest.write(cells.values())
    return SweepResult([failures.get(key) or recorded_result(cell, error) for key, cell in cells.items()], error)


def runs_in_this_process(composer: Composer, overrides: list[str]) -> bool:
    """Return whether the launcher of a sweep runs its jobs from this process, so that callbacks receive all events."""
    return composer.sweep_config(overrides).hydra.launcher.get("_target_") in (LOCAL_LAUNCHER, BASIC_LAUNCHER)


def _add_remote_failures(
    jobs: Sequence[Job], returns: Sequence[JobReturn], failures: dict[CellKey, CellResult]
) -> None:
    """Add to `failures` the jobs of a grid that raised on another machine; Hydra returns the exception as the value."""
    for (_, cell), returned in zip(jobs, returns, strict=False):
        if returned.status is JobStatus.FAILED:
            fault = job_value(returned)
            text = str(fault) if isinstance(fault, CellFailedError) else error_text(fault)
            failures.setdefault(cell.key, result_for(cell, "failed", error=text))
