"""Time of `resexp runs` for many cells, from the command to the end of its output.

The cells are synthetic; their directories have the files of a real one.
`runs.py [--cells N] [--rounds N] [--keep DIR]`.
"""

import os
import shutil
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from measure import RESEXP, command
from table import Row, Samples, machine

from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.record.files import read_json, write_json
from resexp.record.index import INDEX
from resexp.record.result import Replicate, result_for
from resexp.record.rows import SCORE_CACHE
from resexp.record.store import RUN, RunDir

TEMPLATE = ("norm=pre", "depth=2", "steps=100")
NORMS, RESIDUALS = ("none", "pre", "post", "peri", "res-post"), ("on", "off")
DEPTHS, WIDTHS = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128), (16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
RATES = tuple(float(f"{rate:.3g}") for rate in np.geomspace(1e-4, 1e-1, 10))
COMMANDS = {
    "the first `resexp runs`, which writes the index": (),
    "`resexp runs`": (),
    "`resexp runs 'depth>=24' norm=pre`": ("depth>=24", "norm=pre"),
    "`resexp runs --best loss_val`": ("--best", "loss_val"),
    "the first `resexp runs --best score`, which reads every curve": ("--best", "score"),
    "`resexp runs --best score`": ("--best", "score"),
    "`resexp runs --csv`": ("--csv",),
    "`resexp runs --json`": ("--json",),
}


def cells(outputs: Path) -> Iterator[Cell]:
    """Yield arms × depths × widths × learning rates, ten thousand cells in all."""
    composer = Composer()
    arms = [composer.cell([f"norm={n}", f"residual={r}", f"outputs={outputs}"]) for n in NORMS for r in RESIDUALS]
    for depth, width, rate, arm in product(DEPTHS, WIDTHS, RATES, arms):
        options = {**arm.options, "optimizer": {**arm.options["optimizer"], "lr": rate}}
        settings = replace(arm.settings, depth=depth, width=width)
        yield replace(arm, settings=settings, options=options, changed=(f"width{width}", f"lr{rate}"))


def write(outputs: Path, count: int) -> None:
    """Write the directories of `count` cells: links to the files of a real cell, with own result and configuration."""
    command([RESEXP, "train", *TEMPLATE, f"outputs={outputs / 'real'}"], expect="results")
    template = next((outputs / "real").glob("digits-mlp/*/*"))
    about, real = read_json(template / RUN), RunDir(template).result()
    assert about
    assert real
    rng = np.random.default_rng(0)
    for cell in islice(cells(outputs), count):
        shutil.copytree(template, cell.path, copy_function=os.link)
        write_json(cell.path / RUN, {**about, "id": cell.id, "choices": dict(cell.choices), "config": cell.config})
        replicates = [_replicate(seed, *rng.uniform(size=5)) for seed in cell.settings.seed_list]
        more = {"replicates": replicates, "reference": real.reference, "seconds": real.seconds, "cost": real.cost}
        RunDir(cell.path).close(result_for(cell, "done", **more))
    shutil.rmtree(outputs / "real")


def _replicate(seed: int, initial: float, end: float, train: float, val: float, share: float) -> Replicate:
    loss, best = 5 * end**4, 4 * end**4
    return Replicate(seed, 300, True, 2 + initial, best, loss, 0.5 + train / 2, loss + share, 0.5 + val / 2)


def sample(outputs: Path, rounds: int) -> Samples:
    """Run every command in turn, round by round; each round starts without caches."""
    samples: Samples = defaultdict(list)
    for _ in range(rounds):
        for cache in (INDEX, SCORE_CACHE):
            (outputs / cache).unlink(missing_ok=True)
        for what, words in COMMANDS.items():
            samples[what].append(command([RESEXP, "runs", *words, str(outputs)]).seconds)
            print(f"{what:62} {samples[what][-1]:6.2f} s", file=sys.stderr, flush=True)
    return samples


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000, metavar="N", help="number of cells [10000]")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="samples of each [5]")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="directory of the cells, reused if it exists")
    args = parser.parse_args()
    with TemporaryDirectory() as scratch:
        outputs = (args.keep or Path(scratch) / "outputs").absolute()
        if not outputs.is_dir():
            write(outputs, args.cells)
        samples = sample(outputs, args.rounds)
    print("| quantity | target | measured: median [min, max], n | met? |\n|---|---|---|---|")
    for what, seconds in samples.items():
        print(Row(what, seconds, "s", ("<", 2) if what == "`resexp runs`" else None))
    print(f"\n{args.cells:,} cells of five seeds, warm file caches.\n\n{machine('rich')}")


if __name__ == "__main__":
    main()
