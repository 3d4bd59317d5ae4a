"""Print the milliseconds of a step of a cell on one thread, and its share of the machine's matrix-multiply rate."""

import sys
import time
from statistics import median

import torch

from resexp.build import build, load_data, step_cost
from resexp.config.compose import Composer
from resexp.engine.events import Steps
from resexp.engine.loop import fit

WARM_UP, TIMED, SIDE = 5, 25, 1024


def multiply_rate() -> float:
    """Return the floating-point operations per second of a large matrix product, the best of several."""
    a, b = torch.randn(2, SIDE, SIDE)
    times = []
    for _ in range(8):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * SIDE**3 / min(times)


def main() -> None:
    torch.set_num_threads(1)
    rate = multiply_rate()
    cell = Composer().cell([*sys.argv[1:], f"steps={WARM_UP + TIMED}", "log_every=1", "eval_every=1000"])
    training = build(cell, cell.settings.seed_list, load_data(cell))
    operations = (step_cost(training)[0] or 0) * len(training.pack)
    assert operations
    ticks = [time.perf_counter() for event in fit(training) if isinstance(event, Steps)]
    step = median(b - a for a, b in zip(ticks[WARM_UP:], ticks[WARM_UP + 1 :], strict=False))
    print(1000 * step, operations / step / rate)


if __name__ == "__main__":
    main()
