"""What looking inside costs: its share of the processor time of a training at the default schedule.

All three levels in one process, in turns, on one thread; medians over the rounds. `diagnostics.py [--rounds N]`.
"""

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from statistics import median

import numpy as np
import torch
from table import machine

from resexp.build import build, load_data
from resexp.compose import Composer
from resexp.config import Cell
from resexp.engine.fit import fit

LEVELS = ("off", "light", "full")
CELLS = {
    "default (mlp, depth 16)": (),
    "mlp, depth 48": ("norm=pre", "depth=48"),
    "conv, depth 8, width 16": ("norm=pre", "model=conv", "depth=8", "width=16", "seeds=2"),
    "transformer, depth 4": ("norm=pre", "model=transformer", "depth=4", "seeds=2"),
}
GOAL = {"light": 0.05, "full": 0.30}


def seconds(cell: Cell) -> float:
    training = build(cell, cell.dials.seed_list, load_data(cell))
    began = time.process_time()
    for _ in fit(training):
        pass
    return time.process_time() - began


def drawing() -> float:
    """Seconds that the pictures of a light training of 48 layers take, the first import of matplotlib included."""
    began = time.process_time()
    from resexp.figures.layers import heatmap, pixels, profile

    steps, layers = [0, 1, 3, 10, 30, 100, 300], [*range(49)]
    values = np.random.default_rng(0).uniform(0.1, 1.0, (len(steps), len(layers)))
    for _ in range(6):  # quantities
        for draw in (heatmap, profile):
            pixels(draw(values, steps, layers, title="a quantity"))
    return time.process_time() - began


def rows(rounds: int) -> Iterator[str]:
    composer = Composer()
    yield "| network | level | share of the training | goal | |"
    yield "|---|---|---|---|---|"
    for name, overrides in CELLS.items():
        cells = {level: composer.cell([*overrides, f"diagnostics={level}"]) for level in LEVELS}
        times: dict[str, list[float]] = {level: [] for level in LEVELS}
        for round_ in range(rounds + 1):
            for level, cell in cells.items():
                taken = seconds(cell)
                if round_:  # the first one warms up
                    times[level].append(taken)
        for level, goal in GOAL.items():
            shares = [t / off - 1 for t, off in zip(times[level], times["off"], strict=True)]
            met = "yes" if median(shares) <= goal else "**missed**"
            spread = f"{median(shares):.1%} [{min(shares):.1%}, {max(shares):.1%}], {len(shares)}"
            yield f"| {name} | {level} | {spread} of {median(times['off']):.1f} s | ≤ {goal:.0%} | {met} |"


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    torch.set_num_threads(1)
    for row in rows(parser.parse_args().rounds):
        print(row, flush=True)
    print(f"\nDrawing the layers at the end of a training takes {drawing():.1f} s more.\n\n{machine()}")
