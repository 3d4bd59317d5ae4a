"""Time and memory of commands, each run on the CPU in a fresh process and an empty directory.

This module imports nothing heavy, because the peak memory of a child cannot be measured below that of its parent.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

HERE = Path(__file__).parent
RESEXP = str(Path(sys.executable).with_name("resexp"))
CPU = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True)
class Usage:
    """Wall time, peak resident memory and output of a command."""

    seconds: float
    peak_mb: float
    output: str


def command(argv: Sequence[str], *, code: int = 0, expect: str = "", env: dict[str, str] | None = None) -> Usage:
    """Run `argv` to its end.

    Raises:
        RuntimeError: the exit code is not `code`, or `expect` is not in the output; this is no valid sample.

    """
    with TemporaryDirectory() as scratch, TemporaryFile("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=scratch, env=CPU | (env or {}), stdout=output, stderr=subprocess.STDOUT, text=True
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode != code or expect not in text:
        raise RuntimeError(f"{' '.join(argv)}: exit code {process.returncode}\n{text}")
    return Usage(seconds, usage.ru_maxrss * (1024 if sys.platform == "linux" else 1) / 1e6, text)


def script(name: str, *args: object) -> list[float]:
    """Run a script of this directory and return the numbers in its last line of output."""
    output = command([sys.executable, str(HERE / name), *map(str, args)]).output
    return [float(word) for word in output.splitlines()[-1].split()]


def seconds_until(argv: Sequence[str], *marks: str) -> list[float]:
    """Return the times from the start of `argv` to the first line that begins with each of `marks`; then kill it.

    This times a command from outside, by its usual output.
    """
    times: list[float] = []
    output: list[str] = []
    with TemporaryDirectory() as scratch:
        start = time.perf_counter()
        with subprocess.Popen(
            argv, cwd=scratch, env=CPU, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            assert process.stdout
            for line in process.stdout:
                output.append(line)
                if line.startswith(marks[len(times)]):
                    times.append(time.perf_counter() - start)
                if len(times) == len(marks):
                    process.kill()
                    return times
    raise RuntimeError(f"{' '.join(argv)}: did not print {marks[len(times)]!r}\n{''.join(output)}")
