"""A sweep on the pool, with every fault that it must survive."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import TINY, cells_of
from tests.launcher.conftest import numbers_of

pytestmark = pytest.mark.slow

SWEEP = ("train", "-m", *TINY, "steps=40", "depth=1,2", "norm=none,pre", "checkpoint_every=0")


def test_a_sweep_equals_its_cells_trained_one_by_one(resexp):
    sweep = resexp(*SWEEP)
    assert (sweep.returncode, sweep.stderr) == (0, "")
    assert re.findall(r"^\[(\d)/4\] ", sweep.stdout, re.M) == ["1", "2", "3", "4"]
    for depth in (1, 2):
        for norm in ("none", "pre"):
            single = ("train", *TINY, "steps=40", f"depth={depth}", f"norm={norm}", "outputs=single")
            assert resexp(*single).returncode == 0
    basic = resexp(*SWEEP, "hydra/launcher=basic", "outputs=basic")
    assert basic.returncode == 0, basic.stderr
    expected = numbers_of(cells_of(resexp, "single"))
    assert numbers_of(cells_of(resexp)) == numbers_of(cells_of(resexp, "basic")) == expected
    again = resexp(*SWEEP)
    assert again.stdout.count("(already done)") == 4


def test_each_fault_fails_only_its_own_cell(resexp, faulty):
    normalizers = "layernorm,raises,killed,segfaults,exits,hangs,eats"
    limits = ("hydra.launcher.timeout=30", "hydra.launcher.memory=3", "hydra.launcher.workers=2")
    run = resexp("train", "-m", *faulty, *TINY, "norm=pre", "depth=1,2", f"normalizer={normalizers}", *limits)
    assert run.returncode == 1
    assert "Traceback" not in run.stdout + run.stderr
    assert all(line.startswith("failed: ") for line in run.stderr.splitlines())
    cells = cells_of(resexp)
    errors = {}
    for name, cell in cells.items():
        errors.setdefault(cell["choices"]["normalizer"], []).append(cell["error"])
        assert cell["status"] == ("done" if cell["choices"]["normalizer"] == "layernorm" else "failed"), name
    assert [len(cell_errors) for cell_errors in errors.values()] == [2] * 7
    for normalizer, message in {
        "raises": "RuntimeError: out of luck (faulty.py:",
        "killed": "killed by SIGKILL (out of memory?)",
        "segfaults": "killed by SIGSEGV",
        "exits": "ended with exit code 3",
        "hangs": "took longer than hydra.launcher.timeout=30 s",
        "eats": "can't allocate memory",
    }.items():
        assert all(message in error for error in errors[normalizer]), errors[normalizer]
        assert run.stderr.count(message) == 2
    log = next(Path(re.search(r"see (\S+)", errors["segfaults"][0])[1]).parent.glob("worker*.log")).parent
    assert any("Segmentation fault" in file.read_text() for file in log.glob("*.log"))


def test_a_pack_that_does_not_fit_in_memory_is_split_with_a_note(resexp, faulty):
    command = ("train", "-m", *faulty, *TINY, "depth=1", "steps=3", "norm=pre", "normalizer=large")
    assert resexp(*command, "outputs=whole").returncode == 0
    assert resexp(*command, "hydra.launcher.memory=3.0").returncode == 0
    (split,), (whole,) = cells_of(resexp).values(), cells_of(resexp, "whole").values()
    assert split["replicates"] == whole["replicates"]
    assert whole["notes"] == []
    assert re.match(r"seeds 0, 1, 2 do not fit in one pack; trained in two \(RuntimeError: ", split["notes"][0])


def test_a_failure_after_a_success_is_reported(resexp, faulty, tmp_path):
    command = ("train", "-m", *faulty, *TINY, "depth=1", "norm=pre", "normalizer=fickle")
    assert resexp(*command).returncode == 0
    (tmp_path / "fail").touch()
    for again in ("fresh=true", "seeds=5"):
        for launcher in ("local", "basic"):
            run = resexp(*command, again, f"hydra/launcher={launcher}")
            assert run.returncode == 1
            assert "RuntimeError: out of luck" in run.stderr
    assert [c["status"] for c in cells_of(resexp).values()] == ["done"]


def test_the_same_cell_in_two_outputs_directories_is_trained_in_both(resexp):
    run = resexp("train", "-m", *TINY, "norm=pre", "outputs=a,b")
    assert run.stdout.count("[2/2]") == 1
    one, two = ([c["replicates"] for c in cells_of(resexp, path).values()] for path in ("a", "b"))
    assert one == two
    assert len(one) == 1


def test_two_sweeps_at_once_train_each_cell_once(resexp, start, tmp_path):
    first = start(*SWEEP, "steps=1000", "checkpoint_every=30")
    second = start(*SWEEP, "steps=1000", "checkpoint_every=30", "depth=2,3")
    for process in (first, second):
        output, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        assert output.count("trained") + output.count("slow") >= 4
    cells = cells_of(resexp)
    assert [cell["status"] for cell in cells.values()] == ["done"] * 6
    for cell in cells.values():
        assert len(json.loads((Path(cell["path"]) / "run.json").read_text())["trainings"]) == 1


def test_no_cell_is_done_if_the_disk_is_full(resexp, mount):
    target = mount("small", "size=400k")
    run = resexp(*SWEEP, "steps=2000", "log_every=1", f"outputs={target}")
    assert run.returncode == 1, (run.stdout, run.stderr)
    assert "Traceback" not in run.stdout + run.stderr
    assert "No space left on device" in run.stdout + run.stderr
    for cell in cells_of(resexp, str(target)).values():
        assert cell["status"] != "done"
