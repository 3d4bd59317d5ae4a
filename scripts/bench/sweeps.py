"""Time of the matrix in resexp and in other programs; overhead of a cell, a worker and an estimate."""

import json
import math
import re
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measure import HERE, RESEXP, command, script
from table import Row, Samples, machine, ratios

MATRIX = ("train", "+sweep=matrix")
GRID = ("-m", "depth=8,24,48", "norm=none,pre,post", "residual=true,false", "seed=0,1,2,3,4")
OVERHEAD = ("depth=1", "width=8", "batch_size=8", "steps=1", "seeds=1", "pack=plain")


def matrix(*more: str) -> float:
    """Return the seconds from the command to its matrix, in an empty directory."""
    return command([RESEXP, *MATRIX, *more], expect="next").seconds


def estimate() -> float:
    """Return the seconds that --dry-run estimates for the matrix."""
    line = command([RESEXP, *MATRIX, "--dry-run"], expect="estimate").output.splitlines()[-1]
    minutes, seconds = re.search(r"estimate: (?:(\d+) min )?([\d.]+) s", line).groups()  # type: ignore[union-attr]
    return 60 * int(minutes or 0) + float(seconds)


def overhead() -> float:
    """Return the seconds of a cell that hardly trains, in a warm worker, from composing to recording."""
    rates = [f"{1e-3 * (1 + i / 100):g}" for i in range(40)]
    few, many = (
        command([RESEXP, "train", "-m", *OVERHEAD, f"optimizer.lr={','.join(rates[:n])}", "hydra.launcher.workers=1"])
        for n in (10, 40)
    )
    return (many.seconds - few.seconds) / 30


def composing() -> float:
    """Return the seconds to compose and check a cell."""
    code = (
        "import time; from resexp.config.compose import Composer; c = Composer(); o = c.normalize(['sweep=matrix']);"
        " t = time.perf_counter(); n = len(c.jobs(o)); print((time.perf_counter() - t) / n)"
    )
    return float(command([sys.executable, "-c", code]).output.split()[-1])


def lightning() -> float:
    return command([sys.executable, str(HERE / "matrix_lightning.py"), *GRID]).seconds


def plain() -> float:
    return command([sys.executable, str(HERE / "matrix_plain.py")]).seconds


def sample(rounds: int, jax: str | None) -> Samples:
    """Measure resexp and JAX in every round, the slow programs in the first."""
    samples: Samples = defaultdict(list)

    def take(key: str, value: float) -> None:
        samples[key].append(value)
        print(f"{key:24} {value:8.3f}", file=sys.stderr, flush=True)

    for done in range(rounds):
        take("estimate", estimate())
        take("matrix", matrix())
        if jax:
            take("jax", command([jax, str(HERE / "matrix_jax.py")]).seconds)
        take("overhead", overhead())
        take("composing", composing())
        for width in (64, 128, 256):
            _, share = script("scaling.py", "norm=pre", "depth=16", "seeds=8", f"width={width}")
            take(f"share/{width}", share)
        for depth, seeds in ((12, 5), (24, 5), (48, 5), (96, 5), (48, 1), (48, 8)):
            step, _ = script("scaling.py", "norm=pre", f"depth={depth}", f"seeds={seeds}")
            take(f"step/{depth}/{seeds}", step)
        if done == 0:
            take("plain", plain())
            take("lightning", lightning())
            take("one worker", matrix("hydra.launcher.workers=1", "hydra.launcher.threads=1"))
    return samples


def rows(samples: Samples) -> Iterator[Row]:
    """Yield the rows of the table."""
    seconds = median(samples["matrix"])
    yield Row("the matrix: `resexp train +sweep=matrix`", samples["matrix"], "s")
    for peer, name, least in (
        ("lightning", "PyTorch Lightning, TensorBoard logger, Hydra's -m", 5),
        ("plain", "a plain PyTorch script", 4),
        ("jax", "JAX: vmap, scan, jit, a process per core", 1.3),
    ):
        if samples[peer]:
            yield Row(f"the matrix: {name}", samples[peer], "s")
            yield Row(
                "speed of resexp relative to that", [value / seconds for value in samples[peer]], "×", ("≥", least)
            )
    errors = [100 * abs(e / m - 1) for e, m in zip(samples["estimate"], samples["matrix"], strict=True)]
    yield Row("error of the time that --dry-run estimates for the matrix", errors, "%")
    yield Row("a cell that hardly trains, in a warm worker, including composing", samples["overhead"], "s", ("<", 0.3))
    yield Row("composing and checking a cell, once", samples["composing"], "s")
    exponents = [math.log(b / a) / math.log(8) for a, b in zip(samples["step/12/5"], samples["step/96/5"], strict=True)]
    yield Row("exponent of the time of a step in the depth (12 to 96)", exponents, "", ("≤", 1.05))
    yield Row("time of a step of 8 replicates relative to 1", ratios(samples, "step/48/8", "step/48/1"), "×", ("≤", 5))
    yield Row("speed of 2 workers relative to 1", [samples["one worker"][0] / seconds], "×", ("≥", 1.8))
    for width in (64, 128, 256):
        what = f"share of the rate of a 1024² matrix product, one thread, 8 replicates, width {width}"
        yield Row(what, samples[f"share/{width}"], "")


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="samples of the fast measurements [2]")
    parser.add_argument("--jax", metavar="PYTHON", help="a Python that has jax and scikit-learn")
    parser.add_argument("--from", dest="file", type=Path, help="a file of samples, instead of measuring")
    args = parser.parse_args()
    samples = defaultdict(list, json.loads(args.file.read_text())) if args.file else sample(args.rounds, args.jax)
    if not args.file:
        print(json.dumps(samples), file=sys.stderr)
    print("| quantity | target | measured: median [min, max], n | met? |\n|---|---|---|---|")
    print(*rows(samples), sep="\n")
    about = "The matrix: 18 cells, 5 seeds, 300 steps each, no early stopping; width 64, batch 128, digits."
    print(f"\n{machine('lightning', 'hydra-core')}. {about}")


if __name__ == "__main__":
    main()
