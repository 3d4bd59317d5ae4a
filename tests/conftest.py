"""Fixtures. Tests train on digits, and on Fashion-MNIST if Debian's package of it is installed."""

import gc
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from resexp.config.cell import Cell
from resexp.config.compose import Composer
from resexp.record.result import CellResult, Cost, Replicate
from resexp.record.store import COLUMNS, RunDir
from resexp.stats.verdict import Reference

settings.register_profile("resexp", deadline=None)  # a busy machine must not fail a test
settings.load_profile("resexp")

FAULTY = Path(__file__).parent / "launcher" / "faulty.py"
FASHION = Path("/usr/share/datasets/fashion-mnist")
TINY = ("depth=2", "width=16", "steps=6", "batch_size=32", "log_every=2", "eval_every=3", "seeds=3", "threads=1")


def cells_of(resexp: Callable[..., subprocess.CompletedProcess[str]], path: str = "outputs") -> dict[str, Any]:
    """Return the output of `runs --json` for the cells below `path`, by name."""
    return {cell["name"]: cell for cell in json.loads(resexp("runs", "--json", path).stdout)}


def pytest_collection_finish() -> None:
    """Exclude what is imported by now from garbage collection."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in an empty directory, with an empty cache of data sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESEXP_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer()


@pytest.fixture
def cell(composer: Composer) -> Callable[..., Cell]:
    """Return a function from overrides to a cell, small by default."""
    return lambda *overrides: composer.cell(composer.normalize([*TINY, *overrides]))


@pytest.fixture
def build_network(cell: Callable[..., Cell]) -> Callable[..., Any]:
    """Return a function from overrides to the network of a small cell, initialized with seed 0."""
    from resexp.build import block_config, factory
    from resexp.nn.initialize import initialize
    from resexp.nn.models import Task

    def build(*overrides: str, task: Task | None = None) -> Any:
        small = cell(*overrides)
        model, config, network_task = factory(small.options["model"]), block_config(small), task or Task((8, 8), 10)
        return initialize(lambda: model(config, network_task), 0, factory(small.options["init"])())

    return build


@pytest.fixture(scope="session")
def _trained_references(composer: Composer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from resexp.cells.run import train

    outputs = tmp_path_factory.mktemp("references")
    train(composer.cell([*TINY, f"outputs={outputs}"]))
    return outputs / ".reference"


@pytest.fixture
def references(_trained_references: Path, tmp_path: Path) -> Path:
    """Copy trained shallow references of small cells to outputs/, so that a test need not train them."""
    return shutil.copytree(_trained_references, tmp_path / "outputs" / ".reference")


@pytest.fixture
def fashion() -> Path:
    if not FASHION.is_dir():
        pytest.skip("dataset-fashion-mnist is not installed")
    return FASHION


@pytest.fixture
def resexp(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command as a process in an empty directory."""

    def run(*args: str, cwd: Path = tmp_path, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "resexp", *args]
        environment = {**os.environ, **env}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture
def mount(tmp_path):
    """Return a function that mounts a small tmpfs until the end of the test."""
    mounted = []

    def make(name, options):
        target = tmp_path / name
        target.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", target], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        mounted.append(target)
        return target

    yield make
    for target in mounted:
        subprocess.run(["umount", target], check=True)


@pytest.fixture
def faulty(tmp_path):
    """Make the faulty normalizers choices, `normalizer=raises`, …; return the flags that add them."""
    shutil.copy(FAULTY, tmp_path / "faulty.py")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    for name in re.findall(r"^class (\w+)", FAULTY.read_text(), re.M):
        (tmp_path / "mine" / "normalizer" / f"{name.lower()}.yaml").write_text(f"# Faulty.\n_target_: faulty.{name}\n")
    return ("--config-dir", "mine")


TEN = Reference(math.log(10), 0.05, 0.1, 1438)
STEPS = 40


@pytest.fixture
def make(tmp_path):
    """Return a function that writes a result whose loss falls to `end`, or becomes NaN half-way if `end` is None."""

    def write(arm="pre+residual", depth=8, end=0.01, *, seeds=3, status="done", reference=TEN, root="outputs", **more):
        norm, scheme = arm.split("+")
        residual = {"residual": "on", "plain": "off"}[scheme]
        choices = {"dataset": "digits", "model": "mlp", "norm": norm, "normalizer": "layernorm", "residual": residual}
        choices |= {"optimizer": "adamw", **more.pop("choices", {})}
        config = {"depth": depth, "steps": STEPS, "seeds": [*range(seeds)]}
        config["tuning_seeds"] = more.pop("tuning_seeds", None)
        config["activation"] = more.pop("activation", "relu")
        config |= {group: {} for group in choices} | {"optimizer": {"lr": more.pop("lr", 1e-3)}}
        name = hashlib.sha256(repr((choices, config, root)).encode()).hexdigest()
        path = tmp_path / root / f"{choices['dataset'].strip('<>/')[:9]}-mlp" / arm / f"depth{depth:04d}-{name[:12]}"
        ends = [end] * seeds if end is None or isinstance(end, float) else end
        replicates = [
            Replicate(s, STEPS, e is not None, 2.5, e, e, None if e is None else 0.1 + 0.8 * (e < 1), e, 0.5)
            for s, e in enumerate(ends)
        ]
        done = status == "done"
        cost = Cost(1000 + 10 * (norm != "none"), 10**6, 10**5, 0.001 * (1 + 0.25 * (norm != "none")), seeds)
        path.mkdir(parents=True)
        result = CellResult(
            name, "", "", status, choices, config, replicates if done else [], reference, seconds=1.0, cost=cost, **more
        )
        RunDir(path).close(result, _columns(ends) if done else None)
        return path

    return write


def _columns(ends):
    step = np.arange(STEPS)
    rows = []
    for seed, end in enumerate(ends):
        loss = 2.5 * np.exp(-step / STEPS * math.log(2.5 / (end or 0.1))) * (1 + 0.05 * seed)
        if end is None:
            loss[STEPS // 2 :] = np.nan
        rows.append(dict.fromkeys(COLUMNS, loss) | {"seed": np.full(STEPS, seed), "step": step})
    return {name: np.concatenate([row[name] for row in rows]) for name in COLUMNS}
