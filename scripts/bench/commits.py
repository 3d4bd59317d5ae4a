"""Two commits side by side, each in a process of its own. Only the public API is used, as their layouts may differ."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def checkout(commit: str | None) -> Iterator[Path]:
    """Check out a commit into a temporary directory; None is the working tree."""
    if commit is None:
        yield ROOT
        return
    with TemporaryDirectory() as folder:
        place = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", place, commit], cwd=ROOT, check=True)
        try:
            yield place
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", place], cwd=ROOT, check=True)


def run_with(place: Path, script: str, *args: object) -> str:
    """Run a script with the package of a checkout, in an empty directory, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(place), "CUDA_VISIBLE_DEVICES": ""}
    with TemporaryDirectory() as scratch:
        command = [sys.executable, script, *map(str, args)]
        return subprocess.run(
            command, cwd=scratch, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
