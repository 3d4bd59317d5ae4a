"""The benchmark table of one cell. Every measurement runs once in each round, so that noise affects all alike."""

import operator
import os
import platform
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from measure import RESEXP, command, script, seconds_until

NETWORK = ("+norm=pre", "depth=48")
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
PEERS = {
    "plain": ("plain PyTorch", "plain.py"),
    "lightning": ("PyTorch Lightning", "lightning_peer.py"),
    "fused": ("plain PyTorch with fused Adam", "plain.py", "--fused"),
}
PACKS = (1, 5, 8)
WARMUP, STEPS, TOTAL = 20, 60, 100  # on a pipe, resexp prints every fifth of its steps: 20, 40, 60, 80 of 100
MAIN_ROUNDS = 2  # the main command is long and steady

Samples = dict[str, list[float]]
MEETS = {"<": operator.lt, "≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True)
class Measurement:
    """A function that runs once in each of the first `rounds` rounds and returns a sample for each of `keys`."""

    keys: tuple[str, ...]
    run: Callable[[], Sequence[float]]
    rounds: int = sys.maxsize


@dataclass(frozen=True)
class Row:
    """A line of the table. Without a target it is for information."""

    label: str
    samples: Sequence[float]
    unit: str
    target: tuple[str, float] | None = None

    def __str__(self) -> str:
        digits = {"s": 2, "×": 2, "ms": 1, "MB": 0, "%": 0, "": 2}[self.unit]
        middle, low, high = (f"{f(self.samples):.{digits}f}" for f in (median, min, max))
        target = met = "–"
        if self.target:
            sign, limit = self.target
            target = f"{sign} {limit:g} {self.unit}".rstrip()
            met = "yes" if MEETS[sign](median(self.samples), limit) else "**missed**"
        measured = f"{middle} {self.unit}".rstrip()
        return f"| {self.label} | {target} | {measured} [{low}, {high}], {len(self.samples)} | {met} |"


def first_step() -> list[float]:
    """Return the seconds from the start of the process to the end of its first step, including the first validation."""
    return seconds_until([RESEXP, "train", *NETWORK, "steps=5", "log_every=1"], "step 1/5 ")


def pack_of(seeds: int) -> list[float]:
    """Return the milliseconds per step and replicate of the command as users run it, without validation."""
    argv = [RESEXP, "train", *NETWORK, f"seeds={seeds}", f"steps={TOTAL}", f"eval_every={TOTAL}"]
    start, end = seconds_until(argv, f"step {WARMUP}/{TOTAL} ", f"step {WARMUP + STEPS}/{TOTAL} ")
    return [1000 * (end - start) / STEPS / seeds]


def main_command() -> list[float]:
    """Run the first command of README.md in an empty directory, so that it also trains the shallow reference."""
    usage = command([RESEXP, "train", *NETWORK], expect="results")
    return [usage.seconds, usage.peak_mb]


def measurements() -> Iterator[Measurement]:
    """Yield all measurements in the order of a round."""
    completion = {"COMP_LINE": "resexp train nor"}
    yield Measurement(("help",), lambda: [command([RESEXP, "--help"], expect="resexp train").seconds])
    yield Measurement(
        ("completion",), lambda: [command([RESEXP, "-sc", "query=bash"], expect="norm=", env=completion).seconds]
    )
    yield Measurement(("refusal",), lambda: [command([RESEXP, "train", "norm=pree"], code=2, expect="pree").seconds])
    yield Measurement(("import",), lambda: [command([sys.executable, "-c", "import torch"]).seconds])
    yield Measurement(("first",), first_step)
    for peer, (_, *call) in PEERS.items():
        for threads in ("1", "all"):
            args = (*call, WARMUP, STEPS, *(("--threads", 1) if threads == "1" else ()))
            yield Measurement((f"{peer}/{threads}",), lambda args=args: script(*args))
    for seeds in PACKS:
        yield Measurement((f"pack/{seeds}",), lambda seeds=seeds: pack_of(seeds))
    if FASHION.is_dir() and sys.platform == "linux":
        yield Measurement(("load peak", "load rest"), lambda: script("memory.py", FASHION))
    yield Measurement(("main", "main peak"), main_command, MAIN_ROUNDS)


def sample(rounds: int) -> Samples:
    """Run the rounds, after one untimed start that warms the file caches."""
    first_step()
    samples: Samples = defaultdict(list)
    for done in range(rounds):
        for measurement in measurements():
            if done < measurement.rounds:
                for key, value in zip(measurement.keys, measurement.run(), strict=True):
                    samples[key].append(value)
                    print(f"round {done + 1}/{rounds}  {key:12} {value:8.3f}", file=sys.stderr, flush=True)
    return samples


def ratios(samples: Samples, over: str, under: str) -> list[float]:
    """Return the ratios of samples of the same round."""
    return [a / b for a, b in zip(samples[over], samples[under], strict=True)]


def speed_rows(samples: Samples, threads: int) -> Iterator[Row]:
    """Yield the time per step and replicate, and the speed of a pack of 5 relative to each peer."""
    names = {"1": "1 thread", "all": f"torch's default threads ({threads})"}
    for seeds in PACKS:
        yield Row(f"step per replicate: resexp, pack of {seeds}, {names['all']}", samples[f"pack/{seeds}"], "ms")
    for peer, (label, *_) in PEERS.items():
        for key, name in names.items():
            yield Row(f"step per replicate: {label}, {name}", samples[f"{peer}/{key}"], "ms")
    targets = {"plain": ("≥", 2.2), "lightning": ("≥", 2.8)}
    for peer, (label, *_) in PEERS.items():
        for key, name in names.items():
            what = f"speed per replicate of a pack of 5 relative to {label}, {name}"
            yield Row(what, ratios(samples, f"{peer}/{key}", "pack/5"), "×", targets.get(peer))


def rows(samples: Samples, threads: int) -> Iterator[Row]:
    """Yield the rows of the table."""
    main = f"`resexp train {' '.join(NETWORK)}`"
    yield Row("`resexp --help`", samples["help"], "s", ("<", 0.3))
    yield Row("tab completion of `resexp train nor`", samples["completion"], "s", ("<", 0.6))
    yield Row("`resexp train norm=pree` refused, exit code 2", samples["refusal"], "s", ("<", 1))
    yield Row("`python -c 'import torch'`", samples["import"], "s")
    yield Row(f"{main}: start to end of first step", samples["first"], "s")
    yield Row("the same as a multiple of `import torch`", ratios(samples, "first", "import"), "×", ("≤", 2.5))
    yield from speed_rows(samples, threads)
    yield Row(f"{main}, 5 seeds and the reference", samples["main"], "s", ("<", 60))
    yield Row("its peak memory", samples["main peak"], "MB")
    if "load peak" in samples:
        yield Row("memory for loading Fashion-MNIST, beyond imports: peak", samples["load peak"], "MB", ("≤", 250))
        yield Row("memory for loading Fashion-MNIST, beyond imports: afterwards", samples["load rest"], "MB")


def machine(*packages: str) -> str:
    """Return processor, cores and versions."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    versions = ", ".join(f"{name} {version(name)}" for name in ("resexp", "torch", *packages))
    cpu = next(models, platform.processor() or platform.machine())
    return f"{cpu}, {os.cpu_count()} cores; {platform.system()}, Python {platform.python_version()}, {versions}"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="samples of each [5]")
    rounds = parser.parse_args().rounds
    threads = int(command([sys.executable, "-c", "import torch; print(torch.get_num_threads())"]).output)
    samples = sample(rounds)
    print("| quantity | target | measured: median [min, max], n | met? |\n|---|---|---|---|")
    print(*rows(samples, threads), sep="\n")
    print(
        f"\n{machine('lightning', 'hydra-core')}. Every sample is a fresh process on the CPU with warm file caches; all"
        " measurements in turn, round by round; ratios are of samples of one round. Steps: depth 48, width 64, batch"
        f" 128, digits, {STEPS} timed after {WARMUP}; resexp with its recording, the peers with Adam as torch sets it"
        " by default."
    )


if __name__ == "__main__":
    main()
