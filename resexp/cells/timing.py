"""Time and memory of a cell, measured on a few of its steps. Nothing is recorded."""

import sys
import time
from dataclasses import replace

import torch

from resexp.build import build, load_data
from resexp.config.cell import Cell
from resexp.engine.evaluation import evaluate, subset
from resexp.engine.events import Steps
from resexp.engine.loop import NO_DIAGNOSTICS, fit

WARM_UP, TIMED = 3, 8
"""Steps before and during the timing."""


def time_cell(cell: Cell, threads: int) -> tuple[float, int]:
    """Return the seconds that all steps of a cell take, and the peak memory of this process in bytes."""
    torch.set_num_threads(threads)
    began = time.perf_counter()
    steps = min(cell.settings.steps, WARM_UP + TIMED)
    short = replace(cell, settings=replace(cell.settings, steps=steps, log_every=1, eval_every=cell.settings.steps))
    training = replace(build(short, cell.settings.seed_list, load_data(cell)), suite=NO_DIAGNOSTICS)
    ticks = [time.perf_counter() for event in fit(training) if isinstance(event, Steps)]
    pack, data = training.pack, training.data
    setup, warm = ticks[0] - began, ticks[min(WARM_UP, len(ticks)) - 1 :]  # it ends early if no replicate is finite
    per_step = (warm[-1] - warm[0]) / max(1, len(warm) - 1)
    began = time.perf_counter()
    evaluate(pack, data, subset(data.validation))
    validation = time.perf_counter() - began
    samples = len(subset(data.train)) + len(data.validation)
    validations = cell.settings.steps / cell.settings.eval_every + samples / len(subset(data.validation))
    return setup + per_step * cell.settings.steps + validation * validations, _peak_memory()


def _peak_memory() -> int:
    import resource  # not available on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
