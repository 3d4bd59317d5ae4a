"""A sweep: its cells handed to Hydra's sweeper and launcher, its record, and what came out."""

import contextlib
from dataclasses import dataclass
from typing import Any

from hydra.core.utils import JobStatus

from resexp.cells.callbacks import Callback
from resexp.cells.interrupt import Stop
from resexp.config.cell import Cell
from resexp.config.check import hydra_errors_as_input_errors
from resexp.config.compose import Composer, quoted
from resexp.config.errors import InputError, error_text
from resexp.config.hydra_private import BASIC_LAUNCHER, job_value
from resexp.record.index import CellFailedError, recorded_result
from resexp.record.result import CellResult, result_for
from resexp.sweeps.job import CallbackFor, CellTask, Jobs, Key, noting
from resexp.sweeps.manifest import SweepManifest
from resexp.sweeps.polling import polling

LOCAL_LAUNCHER = "hydra_plugins.hydra_resexp.local_launcher.LocalLauncher"


@dataclass(frozen=True)
class SweepResult:
    """What came out, cell by cell, with those that a sweeper searched out; `error`: why the sweep ended early."""

    results: list[CellResult]
    error: str | None


def sweep(
    composer: Composer,
    overrides: list[str],
    jobs: Jobs,
    callback_for: CallbackFor,
    stop: Stop,
    record: SweepManifest | None = None,
) -> SweepResult:
    """Train the cells of a sweep through Hydra. Raises InputError, OSError and KeyboardInterrupt.

    `record` is that of a sweep of which these are some more cells.
    """
    cells, failures = {cell.key: cell for _, cell in jobs}, dict[Key, CellResult]()

    def knowing(cell: Cell) -> Callback:
        cells.setdefault(cell.key, cell)
        return noting(callback_for, failures)(cell)

    record = record or SweepManifest(composer, overrides)
    record.write(cells.values())
    task = CellTask(composer.checker, jobs, knowing, stop)
    given = [*overrides, f"hydra.sweep.dir={quoted(record.directory)}"]
    is_here = launches_here(composer, overrides)
    error = None
    with contextlib.nullcontext() if is_here else polling([*cells.values()], callback_for):
        try:
            with hydra_errors_as_input_errors():
                returns = composer.hydra.multirun(composer.config_name, task, given)
            _note_errors(jobs, returns, failures)
        except (InputError, OSError):
            raise
        except Exception as fault:  # an engine may raise anything when one of its jobs is lost
            error = error_text(fault)
        finally:
            record.write(cells.values())
    return SweepResult([failures.get(key) or recorded_result(cell, error) for key, cell in cells.items()], error)


def launches_here(composer: Composer, overrides: list[str]) -> bool:
    """Whether the cells of a sweep are trained by processes of this one, not by a cluster's engine."""
    return composer.sweep_config(overrides).hydra.launcher.get("_target_") in (LOCAL_LAUNCHER, BASIC_LAUNCHER)


def _note_errors(jobs: Jobs, returns: Any, failures: dict[Key, CellResult]) -> None:
    """Note what the jobs of a grid raised on another machine, which Hydra gives back as their values."""
    for (_, cell), returned in zip(jobs, returns[0] if returns else [], strict=False):
        if returned.status is JobStatus.FAILED:
            fault = job_value(returned)
            text = str(fault) if isinstance(fault, CellFailedError) else error_text(fault)
            failures.setdefault(cell.key, result_for(cell, "failed", error=text))
