"""A sweep on the pool, and every fault that it has to survive, with the real thing."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import TINY, cells_of

pytestmark = pytest.mark.slow

SWEEP = ("train", "-m", *TINY, "steps=40", "depth=1,2", "norm=none,pre", "checkpoint_every=0")


@pytest.fixture
def started(tmp_path):
    """Start the command without waiting for it."""
    running = []

    def start(*args):
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

    yield start
    for process in running:
        process.kill()
        process.communicate()


def _numbers(cells):
    """What training gave; verdict and score may come later, when the bar has been measured."""
    later = ("verdict", "flags", "score", "steps_to_target", "censored")

    def numbers(replicate):
        return {key: value for key, value in replicate.items() if key not in later}

    return {name: (cell["status"], [*map(numbers, cell["replicates"])]) for name, cell in cells.items()}


def _workers():
    """Living processes of this test that were forked to train."""
    found = []
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            here = (status.parent / "cwd").resolve() == Path.cwd()
            if here and b"multiprocessing" in status.read_bytes():
                found.append(int(status.parent.name))
        except OSError:
            continue  # it has just ended
    return found


def test_a_sweep_equals_its_cells_one_by_one(resexp):
    swept = resexp(*SWEEP)
    assert (swept.returncode, swept.stderr) == (0, "")
    assert re.findall(r"^\[(\d)/4\] ", swept.stdout, re.M) == ["1", "2", "3", "4"]
    for depth in (1, 2):
        for norm in ("none", "pre"):
            single = ("train", *TINY, "steps=40", f"depth={depth}", f"norm={norm}", "outputs=single")
            assert resexp(*single).returncode == 0
    basic = resexp(*SWEEP, "hydra/launcher=basic", "outputs=basic")
    assert basic.returncode == 0, basic.stderr
    assert _numbers(cells_of(resexp)) == _numbers(cells_of(resexp, "single")) == _numbers(cells_of(resexp, "basic"))
    again = resexp(*SWEEP)
    assert again.stdout.count("(already done)") == 4


def test_each_fault_costs_its_own_cell_and_nothing_else(resexp, faulty):
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
    assert [len(found) for found in errors.values()] == [2] * 7
    for normalizer, said in {
        "raises": "RuntimeError: out of luck (faulty.py:",
        "killed": "killed by SIGKILL (out of memory?)",
        "segfaults": "killed by SIGSEGV",
        "exits": "ended with exit code 3",
        "hangs": "took longer than hydra.launcher.timeout=30 s",
        "eats": "can't allocate memory",
    }.items():
        assert all(said in error for error in errors[normalizer]), errors[normalizer]
        assert run.stderr.count(said) == 2
    log = next(Path(re.search(r"see (\S+)", errors["segfaults"][0])[1]).parent.glob("worker*.log")).parent
    assert any("Segmentation fault" in file.read_text() for file in log.glob("*.log"))


def test_a_pack_that_does_not_fit_is_split_and_says_so(resexp, faulty):
    given = ("train", "-m", *faulty, *TINY, "depth=1", "steps=3", "norm=pre", "normalizer=large")
    assert resexp(*given, "outputs=whole").returncode == 0
    assert resexp(*given, "hydra.launcher.memory=3.0").returncode == 0
    (split,), (whole,) = cells_of(resexp).values(), cells_of(resexp, "whole").values()
    assert split["replicates"] == whole["replicates"]
    assert whole["notes"] == []
    assert re.match(r"seeds 0, 1, 2 do not fit in one pack; trained in two \(RuntimeError: ", split["notes"][0])


def test_killed_at_any_moment_it_ends_with_the_same_numbers(resexp, started):
    given = (*SWEEP, "steps=400", "checkpoint_every=0.05", "eval_every=100")
    began = time.monotonic()
    assert resexp(*given, "outputs=whole").returncode == 0
    whole = time.monotonic() - began
    moments, done, resumed = random.Random(7), {}, 0
    for _ in range(20):
        process = started(*given)
        time.sleep(moments.uniform(0.2, 1.0) * whole)
        process.kill()
        process.communicate()
        ended = time.monotonic()
        while _workers() and time.monotonic() - ended < 5:
            time.sleep(0.05)
        assert _workers() == []
        resumed += len({file.parent for file in Path("outputs").rglob("checkpoint-*")})
        cells = cells_of(resexp) if Path("outputs").exists() else {}
        known = {name: numbers for name, numbers in _numbers(cells).items() if numbers[0] == "done"}
        assert {name: known[name] for name in done} == done
        done = known
    assert resumed > 0
    assert resexp(*given).returncode == 0
    assert _numbers(cells_of(resexp)) == _numbers(cells_of(resexp, "whole"))
    assert not [*Path("outputs").rglob("checkpoint-*")]


def _wait_for_training(process):
    began = time.monotonic()
    while not [*Path("outputs").rglob("events.out.*")]:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < 120
        time.sleep(0.05)
    time.sleep(1)


LONG = ("train", "-m", *TINY, "steps=30000", "depth=1,2", "norm=none,pre", "log_every=50")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_once_it_saves_and_ends(resexp, started, number):
    process = started(*LONG)
    _wait_for_training(process)
    os.killpg(process.pid, number)  # as a terminal does: to every process
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (
        130,
        "resexp: interrupted; the same command resumes it\n",
    )
    cells = cells_of(resexp)
    assert {cell["status"] for cell in cells.values()} == {"interrupted"}
    assert len(cells) <= 2
    for cell in cells.values():
        (checkpoint,) = Path(cell["path"]).glob("checkpoint-*")
        assert int(checkpoint.stem.split("-")[1]) == cell["replicates"][0]["steps"] > 0
    assert _workers() == []


def test_a_worker_that_alone_is_asked_to_stop_costs_nothing(resexp, started):
    process = started(*SWEEP, "steps=3000", "log_every=50")
    _wait_for_training(process)
    server = {int(Path(f"/proc/{worker}/stat").read_text().split()[3]) for worker in _workers()} - {process.pid}
    for worker in {*_workers()} - server:
        if int(Path(f"/proc/{worker}/stat").read_text().split()[3]) in server:
            os.kill(worker, signal.SIGTERM)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (0, "")
    assert {cell["status"] for cell in cells_of(resexp).values()} == {"done"}


def test_a_failure_after_a_success_is_told(resexp, faulty, tmp_path):
    given = ("train", "-m", *faulty, *TINY, "depth=1", "norm=pre", "normalizer=fickle")
    assert resexp(*given).returncode == 0
    (tmp_path / "fail").touch()
    for again in ("fresh=true", "seeds=5"):
        for launcher in ("local", "basic"):
            run = resexp(*given, again, f"hydra/launcher={launcher}")
            assert run.returncode == 1
            assert "RuntimeError: out of luck" in run.stderr
    assert [c["status"] for c in cells_of(resexp).values()] == ["done"]


def test_a_cell_that_waits_for_another_process_can_be_stopped(resexp, started):
    one = ("train", "-m", *TINY, "steps=100000", "depth=1", "norm=pre", "log_every=50")
    first = started(*one)
    _wait_for_training(first)
    second = started(*one)
    time.sleep(8)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=20)
    assert (second.returncode, first.poll()) == (130, None)


def test_the_same_cells_in_two_directories_are_two_sets(resexp):
    run = resexp("train", "-m", *TINY, "norm=pre", "outputs=a,b")
    assert run.stdout.count("[2/2]") == 1
    one, two = ([c["replicates"] for c in cells_of(resexp, path).values()] for path in ("a", "b"))
    assert one == two
    assert len(one) == 1


def test_asked_twice_it_stops_at_once(resexp, started, faulty):
    process = started("train", "-m", *faulty, *TINY, "depth=1,2", "norm=pre", "normalizer=hangs")
    _wait_for_training(process)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert {cell["status"] for cell in cells_of(resexp).values()} == {"interrupted"}
    assert _workers() == []


def test_two_sweeps_at_once_train_each_cell_once(resexp, started, tmp_path):
    first = started(*SWEEP, "steps=1000", "checkpoint_every=30")
    second = started(*SWEEP, "steps=1000", "checkpoint_every=30", "depth=2,3")
    for process in (first, second):
        output, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
        assert output.count("trained") + output.count("slow") >= 4
    cells = cells_of(resexp)
    assert [cell["status"] for cell in cells.values()] == ["done"] * 6
    for cell in cells.values():
        assert len(json.loads((Path(cell["path"]) / "run.json").read_text())["trainings"]) == 1


def test_a_disk_that_fills_up_fails_cells_and_nothing_counts(resexp, mount):
    target = mount("small", "size=400k")
    run = resexp(*SWEEP, "steps=2000", "log_every=1", f"outputs={target}")
    assert run.returncode == 1, (run.stdout, run.stderr)
    assert "Traceback" not in run.stdout + run.stderr
    assert "No space left on device" in run.stdout + run.stderr
    for cell in cells_of(resexp, str(target)).values():
        assert cell["status"] != "done"
