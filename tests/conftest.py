"""What the tests share. They train on real digits, and on Fashion-MNIST where Debian's package of it is installed."""

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from resexp.compose import Composer
from resexp.config import Cell

settings.register_profile("resexp", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("resexp")

FAULTY = Path(__file__).parent / "launcher" / "faulty.py"
FASHION = Path("/usr/share/datasets/fashion-mnist")
TINY = ("depth=2", "width=16", "steps=6", "batch_size=32", "log_every=2", "eval_every=3", "seeds=3", "threads=1")


def cells_of(resexp: Callable[..., subprocess.CompletedProcess[str]], path: str = "outputs") -> dict[str, Any]:
    """What `runs --json` tells of the cells below `path`, by name."""
    return {cell["name"]: cell for cell in json.loads(resexp("runs", "--json", path).stdout)}


def pytest_collection_finish() -> None:
    """What is imported by then stays: no collection of garbage need look at it."""
    gc.freeze()


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test in an empty directory, with an empty cache of data sets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESEXP_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def composer() -> Composer:
    return Composer()


@pytest.fixture
def cell(composer: Composer) -> Callable[..., Cell]:
    """A checked cell from overrides, small unless they say otherwise."""
    return lambda *overrides: composer.cell(composer.overrides([*TINY, *overrides]))


@pytest.fixture
def build_network(cell: Callable[..., Cell]) -> Callable[..., Any]:
    """The network of a small cell for 8×8 pictures of ten classes, or for another task, initialised with seed 0."""
    from resexp.build import factory, recipe
    from resexp.nn.init import initialise
    from resexp.nn.task import Task

    def build(*overrides: str, task: Task | None = None) -> Any:
        small = cell(*overrides)
        model, parts, for_task = factory(small.options["model"]), recipe(small), task or Task((8, 8), 10)
        return initialise(lambda: model(parts, for_task), 0, factory(small.options["init"])())

    return build


@pytest.fixture(scope="session")
def _trained_references(composer: Composer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from resexp.run import train

    outputs = tmp_path_factory.mktemp("references")
    train(composer.cell([*TINY, f"outputs={outputs}"]))
    return outputs / ".reference"


@pytest.fixture
def references(_trained_references: Path, tmp_path: Path) -> Path:
    """The shallow references of small cells, already in outputs/: tests about other things need not train them."""
    return shutil.copytree(_trained_references, tmp_path / "outputs" / ".reference")


@pytest.fixture
def fashion() -> Path:
    if not FASHION.is_dir():
        pytest.skip("dataset-fashion-mnist is not installed")
    return FASHION


@pytest.fixture
def resexp(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, as a real process in an empty directory."""

    def run(*args: str, cwd: Path = tmp_path, timeout: float = 300, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "resexp", *args]
        environment = {**os.environ, **env}
        return subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout, check=False
        )

    return run


@pytest.fixture
def mount(tmp_path):
    """Mount a small tmpfs; gives a function that does so, and undoes it afterwards."""
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
    """The faulty normalizers as options: `normalizer=raises`, …"""
    shutil.copy(FAULTY, tmp_path / "faulty.py")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    for name in re.findall(r"^class (\w+)", FAULTY.read_text(), re.M):
        (tmp_path / "mine" / "normalizer" / f"{name.lower()}.yaml").write_text(f"# Faulty.\n_target_: faulty.{name}\n")
    return ("--config-dir", "mine")
