"""Cost of layer diagnostics as a share of the CPU time of a training at the default schedule; and time of a probe.

Measurements are timed within the trainings that they belong to, on one thread, so that both run under the same load.
The time is that of the thread, because idle threads of a library spin for a while in a fresh process.
`diagnostics.py [--rounds N]`.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import numpy as np
import torch
from measure import command
from table import machine
from torch import Tensor

from resexp.build import build, load_data
from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.diagnostics.probe import Probe
from resexp.diagnostics.suite import Suite
from resexp.engine.loop import fit

CELLS = {
    "default (mlp, depth 16)": (),
    "mlp, depth 48": ("norm=pre", "depth=48"),
    "conv, depth 8, width 16": ("norm=pre", "model=conv", "depth=8", "width=16", "seeds=2"),
    "transformer, depth 4": ("norm=pre", "model=transformer", "depth=4", "seeds=2"),
}
GOAL = {"light": 0.05, "full": 0.30}


class Timed(Suite):
    """A suite that sums up the time it takes."""

    def __init__(self, suite: Suite) -> None:
        self.quantities, self.expensive, self.blocks = suite.quantities, suite.expensive, suite.blocks
        self.seconds = 0.0

    def __call__(self, probe: Probe, *, expensive: bool) -> dict[str, Tensor]:
        began = time.thread_time()
        measured = super().__call__(probe, expensive=expensive)
        self.seconds += time.thread_time() - began
        return measured


def sample(cell: Cell) -> tuple[float, float]:
    """Return the seconds of a training without its measurements, and those of the measurements."""
    training = build(cell, cell.settings.seed_list, load_data(cell))
    suite = Timed(training.suite)
    began = time.thread_time()
    for _ in fit(replace(training, suite=suite)):
        pass
    return time.thread_time() - began - suite.seconds, suite.seconds


def drawing() -> float:
    """Return the seconds for the images of a `light` training of 48 layers, with the first import of matplotlib."""
    began = time.thread_time()
    from resexp.figures.layers import heatmap, pixels, profile

    steps, layers = [0, 1, 3, 10, 30, 100, 300], [*range(49)]
    values = np.random.default_rng(0).uniform(0.1, 1.0, (len(steps), len(layers)))
    for _ in range(6):  # quantities
        for draw in (heatmap, profile):
            pixels(draw(values, steps, layers, title="a quantity"))
    return time.thread_time() - began


def probe() -> float:
    """Return the seconds of `resexp probe` at depth 48 in a fresh process, without its imports."""
    code = (
        "import time, resexp.cli.probe, resexp.cells.probe, torch._dynamo; from resexp.cli.main import main;"
        " t = time.perf_counter(); main(['probe', 'norm=pre', 'depth=48']); print(time.perf_counter() - t)"
    )
    return float(command([sys.executable, "-c", code]).output.split()[-1])


def rows(rounds: int) -> Iterator[str]:
    """Yield the lines of the table."""
    composer = Composer()
    yield "| network | level | share of the training | goal | met? |"
    yield "|---|---|---|---|---|"
    for name, overrides in CELLS.items():
        for level, goal in GOAL.items():
            cell = composer.cell([*overrides, f"diagnostics={level}"])
            samples = [sample(cell) for _ in range(rounds)]
            shares = [measuring / training for training, measuring in samples]
            met = "yes" if median(shares) <= goal else "**missed**"
            spread = f"{median(shares):.1%} [{min(shares):.1%}, {max(shares):.1%}], {rounds}"
            seconds = median(training for training, _ in samples)
            yield f"| {name} | {level} | {spread}, of {seconds:.1f} s | ≤ {goal:.0%} | {met} |"


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    torch.set_num_threads(1)
    rounds = parser.parse_args().rounds
    for row in rows(rounds):
        print(row, flush=True)
    times = [probe() for _ in range(rounds)]
    spread = f"{median(times):.2f} s [{min(times):.2f}, {max(times):.2f}], {rounds}"
    print(f"\n`resexp probe norm=pre depth=48` without its imports, 5 seeds: {spread} (goal: 3 s).")
    print(f"\nDrawing the layers at the end of a training takes another {drawing():.1f} s.\n\n{machine()}")
