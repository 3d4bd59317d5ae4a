"""Compare the training losses of two commits, bitwise: `scripts/bench/run losses OLD [NEW]`.

Every shipped option, every legal combination of placement, residual scheme and model, and a few cells at full width
are trained for 20 steps with both commits, each in a process of its own. Prints the cells whose minibatch losses,
gradient norms or validation losses differ in any bit, and exits with code 1 if there are any. Only the public API is
used, so that commits with different layouts can be compared.
"""

import argparse
import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from commits import ROOT, checkout, run_with
from omegaconf import OmegaConf

CONF = ROOT / "conf"
COLUMNS = ("seed", "step", "loss", "accuracy", "grad_norm", "lr", "loss_val", "accuracy_val")
STEPS = 20
BUDGET = (f"steps={STEPS}", "log_every=5", "eval_every=10", "threads=1")
SMALL = ("depth=4", "width=8", "batch_size=16", "seeds=2", *BUDGET)
FULL = ("seeds=3", *BUDGET)
FILES = {"cifar10": "cifar", "cifar100": "cifar", "mnist": "idx", "fashion_mnist": "idx", "kmnist": "idx",
         "svhn": "svhn", "speech": "speech", "tiny_shakespeare": "text"}  # fmt: skip


def cells(data: Path) -> Iterator[list[str]]:
    """Yield the overrides of every cell; small data files are written below `data`."""
    for file in sorted(CONF.glob("*/*.yaml")):
        group, name = file.parent.name, file.stem
        if group == "sweep":
            continue
        if group == "experiment":
            yield [f"+experiment={name}", *SMALL]
            continue
        needs = (OmegaConf.load(file).get("needs") or {}).items()
        patch = ["model.patch=2"] if name == "transformer" else []
        path = [f"dataset.path={_written(name, data)}"] if group == "dataset" and name in FILES else []
        chosen = [f"{group}={name}", *(f"{other}={options[0]}" for other, options in needs)]
        yield ["norm=pre", *(o for o in chosen if o != "norm=pre"), *SMALL, *patch, *path]
    for norm, residual, model in _legal():
        yield [f"norm={norm}", f"residual={residual}", f"model={model}", *SMALL]
    for model in ("mlp", "conv", "transformer"):
        yield ["norm=pre", "normalizer=batchnorm", "body.dropout=0.3", f"model={model}", *SMALL]
    yield ["norm=pre", *FULL]
    yield ["norm=pre", "depth=48", "clip=1.0", "precision=float64", *FULL]
    yield ["norm=post", "optimizer=sgd", "schedule=cosine", "pack=plain", *FULL]
    yield ["norm=pre", "diagnostics=full", "depth=6", *FULL]
    yield ["model=transformer", "dataset=text", "norm=pre", "depth=2", *FULL]


def _legal() -> Iterator[tuple[str, ...]]:
    groups = ("norm", "residual", "model")
    for combination in itertools.product(*(sorted(f.stem for f in (CONF / group).glob("*.yaml")) for group in groups)):
        chosen = dict(zip(groups, combination, strict=True))
        needs = [OmegaConf.load(CONF / group / f"{option}.yaml").get("needs") or {} for group, option in chosen.items()]
        if all(chosen[g] in allowed for need in needs for g, allowed in need.items() if g in groups):
            yield combination


def _written(name: str, data: Path) -> Path:
    """Write a small data set in the files of dataset `name`, as the tests do, and return its path."""
    sys.path.insert(0, str(ROOT))
    from tests.data import files

    write = getattr(files, f"write_{FILES[name]}")
    return Path(write(data / name, name.upper(), 40) if name.startswith("cifar") else write(data / name))


def worker(jobs: Path, results: Path) -> None:
    """Train the jobs of a file with the package that this process imports."""
    import resexp

    digests: list[str] = []
    overrides = json.loads(jobs.read_text())
    for number, job in enumerate(overrides):
        try:
            digests.append(_digest(resexp.load(resexp.train(*job).path)))
        except Exception as error:
            digests.append(f"{type(error).__name__}: {error}")
        print(f"\r{number + 1}/{len(overrides)} {Path(resexp.__file__).parent}", end="", file=sys.stderr)
    print(file=sys.stderr)
    results.write_text(json.dumps(digests))


def _digest(frames: Any) -> str:
    """Hash the curves of one cell, to the last bit."""
    steps = frames.steps.sort_values(["seed", "step"])
    if len(steps) < STEPS:
        raise ValueError(f"only {len(steps)} rows: {frames.cells['error'][0]}")
    return hashlib.sha256(b"".join(steps[column].to_numpy("float64").tobytes() for column in COLUMNS)).hexdigest()


def main() -> int:
    """Compare two commits; the exit code is 1 if a cell differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="a commit")
    parser.add_argument("new", nargs="?", help="a commit [the working tree]")
    args = parser.parse_args()
    with TemporaryDirectory() as folder, checkout(args.old) as old, checkout(args.new) as new:
        jobs, outcomes = Path(folder) / "jobs.json", [Path(folder) / "old.json", Path(folder) / "new.json"]
        overrides = [*cells(Path(folder) / "data")]
        jobs.write_text(json.dumps(overrides))
        for place, outcome in zip((old, new), outcomes, strict=True):
            run_with(place, __file__, "--worker", jobs, outcome)
        pairs = [*zip(overrides, *(json.loads(outcome.read_text()) for outcome in outcomes), strict=True)]
    trained = [pair for pair in pairs if len(pair[1]) == 64]
    different = [pair for pair in pairs if pair[1] != pair[2]]
    for job, before, after in different:
        print(f"{' '.join(job)}\n  {before}\n  {after}")
    print(f"{len(pairs)} cells: {len(trained)} trained, {len(pairs) - len(trained)} refused by the old commit,"
          f" {len(different)} differ")  # fmt: skip
    return 1 if different else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        sys.exit(main())
