"""What the tests share. They train on real digits, and on Fashion-MNIST where Debian's package of it is installed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from resexp.compose import Composer
from resexp.config import Cell

FASHION = Path("/usr/share/datasets/fashion-mnist")
TINY = ("depth=2", "width=16", "steps=6", "batch_size=32", "log_every=2", "eval_every=3", "seeds=3", "threads=1")


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
    return lambda *overrides: composer.cells(composer.overrides([*TINY, *overrides]), multirun=False)[0]


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
