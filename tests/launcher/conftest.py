"""What the tests of the launcher share: commands that run in the background, and their processes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def start(tmp_path):
    """Start the command without waiting for it."""
    running = []

    def start_command(*args):
        process = subprocess.Popen(
            [sys.executable, "-m", "resexp", *args],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        return process

    yield start_command
    for process in running:
        process.kill()
        process.communicate()


def worker_processes():
    """Return the ids of living processes of this test that were forked to train."""
    ids = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_of_this_test = (command.parent / "cwd").resolve() == Path.cwd()
            if is_of_this_test and b"multiprocessing" in command.read_bytes():
                ids.append(int(command.parent.name))
        except OSError:
            continue  # it has just ended
    return ids


def wait_for_training(process):
    """Wait until a command has begun to train."""
    began = time.monotonic()
    while not [*Path("outputs").rglob("events.out.*")]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    time.sleep(1)


def numbers_of(cells):
    """Return status and results of cells, without what is computed only once a reference exists."""
    later = ("verdict", "flags", "score", "steps_to_target", "censored")

    def numbers(replicate):
        return {key: value for key, value in replicate.items() if key not in later}

    return {name: (cell["status"], [*map(numbers, cell["replicates"])]) for name, cell in cells.items()}
