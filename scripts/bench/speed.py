"""Compare the time of a training step in two commits: `scripts/bench/run speed OLD [NEW] [--pairs N]`.

Prints, for each kind of network, the ratio of the median step times of 200 steps on one thread, NEW over OLD: its
median over interleaved pairs of fresh processes, with a bootstrap interval of that median. Above 1, NEW is slower.
"""

import argparse
import sys

import numpy as np
from commits import checkout, run_with

CELLS = {
    "default": [],
    "depth 48": ["depth=48", "norm=pre"],
    "conv": ["model=conv", "norm=pre", "depth=8", "width=32"],
    "transformer": ["model=transformer", "norm=pre", "depth=4", "model.patch=2"],
}
RUN = ["steps=200", "log_every=20", "eval_every=200", "threads=1", "keep_checkpoints=none"]


def worker(overrides: list[str]) -> None:
    """Train a cell with the package that this process imports, and print its median seconds per step."""
    import resexp

    result = resexp.train(*overrides)
    print(result.cost.step_seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="a commit")
    parser.add_argument("new", nargs="?", help="a commit [the working tree]")
    parser.add_argument("--pairs", type=int, default=15)
    args = parser.parse_args()
    ratios: dict[str, list[float]] = {name: [] for name in CELLS}
    with checkout(args.old) as old, checkout(args.new) as new:
        for pair in range(args.pairs):
            for name, overrides in CELLS.items():
                order = (old, new) if pair % 2 else (new, old)
                seconds = {place: float(run_with(place, __file__, "--worker", *overrides, *RUN)) for place in order}
                ratios[name].append(seconds[new] / seconds[old])
                print(f"{pair + 1}/{args.pairs} {name} {ratios[name][-1]:.3f}", file=sys.stderr)
    print("| a step, new over old | median ratio | 95 % interval | pairs |\n|---|---|---|---|")
    generator = np.random.default_rng(0)
    for name, values in ratios.items():
        draws = np.median(generator.choice(values, (10_000, len(values))), axis=1)
        low, high = np.quantile(draws, (0.025, 0.975))
        print(f"| {name} | {np.median(values):.3f} | [{low:.3f}, {high:.3f}] | {len(values)} |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2:])
    else:
        main()
