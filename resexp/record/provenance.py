"""How and where a training was started: command, time, versions, commit."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("resexp", "torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scipy-openblas32", "tensorboard")


def provenance() -> dict[str, Any]:
    """Return the command line, start time, versions and git commit of this process, as `run.json` stores them."""
    return {
        "command": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "versions": {package: _version(package) for package in PACKAGES},
        "git": _git_commit(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    """Return the commit of the working directory; None outside a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    run = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    return run.stdout.strip() or None
