"""Run a command in a fresh process that also reports whether it imported torch."""

import os
import subprocess
import sys
from typing import NamedTuple

CODE = (
    "import sys; from resexp.cli.main import main;"
    "code = main(sys.argv[1:]); print('torch' in sys.modules); sys.exit(code)"
)


class FinishedCommand(NamedTuple):
    code: int
    lines: list[str]
    stderr: str
    imported_torch: bool


def run_command(*args: str, **env: str) -> FinishedCommand:
    """Run a command line of resexp."""
    command = [sys.executable, "-c", CODE, *args]
    process = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    *lines, imported_torch = process.stdout.splitlines()
    return FinishedCommand(process.returncode, lines, process.stderr, imported_torch == "True")
