"""Full and read-only disks, which need root to mount them."""

import json
import os
import subprocess

import pytest

from tests.conftest import TINY

pytestmark = pytest.mark.slow


def test_a_read_only_outputs_directory_is_refused(resexp, mount):
    target = mount("readonly", "size=1m,ro")
    run = resexp("train", *TINY, f"outputs={target / 'outputs'}")
    assert run.returncode == 2
    assert run.stderr == f"resexp: outputs={target / 'outputs'}: cannot write there (Read-only file system)\n"


def test_outputs_on_a_full_disk_are_refused(resexp, mount):
    target = mount("full", "size=64k")
    subprocess.run(["dd", "if=/dev/zero", f"of={target / 'filler'}", "bs=4k"], check=False, capture_output=True)
    run = resexp("train", *TINY, f"outputs={target}")
    assert run.returncode == 2
    assert run.stderr == f"resexp: outputs={target}: cannot write there (No space left on device)\n"
    assert os.listdir(target) == ["filler"]


def test_a_disk_that_fills_up_during_training_fails_the_cell(resexp, mount):
    target = mount("small", "size=160k")
    run = resexp("train", *TINY, "steps=4000", "log_every=1", f"outputs={target}")
    assert run.returncode == 1, (run.stdout, run.stderr)
    assert "Traceback" not in run.stdout + run.stderr
    assert "No space left on device" in run.stdout + run.stderr
    for cell in json.loads(resexp("runs", "--json", str(target)).stdout):
        assert cell["status"] != "done"
