"""The command `train` as a user types it: a real process in an empty directory."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import TINY

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
LONG = ("train", "norm=pre", *TINY, "steps=20000")


@pytest.mark.slow
def test_a_trained_cell_is_listed_and_not_trained_again(resexp, tmp_path):
    first = resexp("train", "+norm=pre", *TINY)
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert not CONTROL_CHARACTERS.search(first.stdout)
    for text in ("digits-mlp/pre+residual/depth0002", "3 seeds in one pack", "parameters", "FLOP per step", "next "):
        assert text in first.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["outputs"]

    (cell,) = json.loads(resexp("runs", "--json").stdout)
    keys = {"id", "name", "path", "status", "error", "choices", "config", "seconds", "notes", "schema"}
    assert cell.keys() == keys | {"replicates"}
    assert (cell["status"], cell["error"], cell["choices"]["norm"]) == ("done", None, "pre")
    assert os.path.isabs(cell["path"])
    assert [r["seed"] for r in cell["replicates"]] == [0, 1, 2]
    assert {"seed", "verdict", "loss_train", "loss_val", "accuracy_val", "steps"} <= cell["replicates"][0].keys()
    assert "digits-mlp/pre+residual" in resexp("runs").stdout

    again = resexp("train", "norm=pre", *TINY)
    assert "already done; fresh=true trains it again" in again.stdout
    (same,) = json.loads(resexp("runs", "--json").stdout)
    assert same == cell


@pytest.mark.slow
def test_the_installed_command_trains_with_a_normalizer_of_the_user(tmp_path):
    (tmp_path / "my_norm.py").write_text("import torch\n\n\nclass MyNorm(torch.nn.RMSNorm):\n    pass\n")
    (tmp_path / "mine" / "normalizer").mkdir(parents=True)
    (tmp_path / "mine" / "normalizer" / "my.yaml").write_text("# Mine.\n_target_: my_norm.MyNorm\neps: 1.0e-5\n")
    command = Path(sys.executable).with_name("resexp")
    args = ["train", "--config-dir", "mine", "norm=pre", "normalizer=my", *TINY]
    run = subprocess.run([command, *args], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "depth0002-width16-steps6-batch_size32-my-" in run.stdout


@pytest.mark.slow
def test_the_same_command_twice_gives_identical_numbers(resexp, tmp_path):
    replicates = []
    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
        resexp("train", "norm=pre", *TINY, cwd=tmp_path / name)
        (cell,) = json.loads(resexp("runs", "--json", cwd=tmp_path / name).stdout)
        replicates.append(cell["replicates"])
    assert replicates[0] == replicates[1]


@pytest.mark.slow
def test_a_sweep_prints_its_matrix_and_its_failures(resexp):
    run = resexp("train", "-m", *TINY, "depth=1,2", "+norm=none,pre", "residual=on,off", "batch_size=32")
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("[") == 8
    matrix = run.stdout[run.stdout.index("[8/8]") :]
    assert all(word in matrix for word in ("none", "pre", "+residual", "+plain", "depth"))
    assert len(json.loads(resexp("runs", "--json").stdout)) == 8

    failing = resexp("train", "-m", *TINY, "batch_size=16,5000", "norm=pre")
    assert failing.returncode == 1
    assert re.search(
        r"failed: digits-mlp/pre\+residual/\S+: batch_size=5000: the train split has 1438 samples", failing.stderr
    )
    statuses = [c["status"] for c in json.loads(resexp("runs", "--json").stdout)]
    assert sorted(statuses) == ["done"] * 9 + ["failed"]


@pytest.mark.slow
def test_ctrl_c_saves_and_leaves_an_interrupted_cell(resexp, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "resexp", *LONG, "log_every=5"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        started = time.monotonic()
        while not [*tmp_path.rglob("events.out.*")]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() - started < 120
            time.sleep(0.1)
        (running,) = json.loads(resexp("runs", "--json").stdout)
        assert running["status"] == "running"
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "resexp: interrupted; the same command resumes it\n"
    (cell,) = json.loads(resexp("runs", "--json").stdout)
    assert cell["status"] == "interrupted"
    assert 0 < cell["replicates"][0]["steps"] < 20000
    assert cell["replicates"][0]["verdict"] is None


@pytest.mark.slow
def test_a_killed_process_leaves_an_interrupted_cell(resexp, tmp_path):
    with subprocess.Popen([sys.executable, "-m", "resexp", *LONG], cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
        while not [*tmp_path.rglob("events.out.*")]:
            time.sleep(0.1)
        process.kill()
    (cell,) = json.loads(resexp("runs", "--json").stdout)
    assert (cell["status"], cell["replicates"]) == ("interrupted", [])
    assert resexp(*LONG, "steps=4").returncode == 0
