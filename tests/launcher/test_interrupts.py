"""Sweeps that are interrupted or killed, and resumed."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import TINY, cells_of
from tests.launcher.conftest import numbers_of, wait_for_training, worker_processes

pytestmark = pytest.mark.slow

SWEEP = ("train", "-m", *TINY, "steps=40", "depth=1,2", "norm=none,pre", "checkpoint_every=0")
LONG_SWEEP = ("train", "-m", *TINY, "steps=30000", "depth=1,2", "norm=none,pre", "log_every=50")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_saves_checkpoints_and_ends(resexp, start, number):
    process = start(*LONG_SWEEP)
    wait_for_training(process)
    os.killpg(process.pid, number)  # as a terminal does: to every process
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "resexp: interrupted; the same command resumes it\n")
    cells = cells_of(resexp)
    assert {cell["status"] for cell in cells.values()} == {"interrupted"}
    assert len(cells) <= 2
    for cell in cells.values():
        (checkpoint,) = Path(cell["path"]).glob("checkpoint-*")
        assert int(checkpoint.stem.split("-")[1]) == cell["replicates"][0]["steps"] > 0
    assert worker_processes() == []


def _parent(process_id):
    return int(Path(f"/proc/{process_id}/stat").read_text().split()[3])


def test_a_signal_to_a_worker_alone_costs_nothing(resexp, start):
    process = start(*SWEEP, "steps=3000", "log_every=50")
    wait_for_training(process)
    parents = {worker: _parent(worker) for worker in worker_processes()}
    servers = {*parents.values()} - {process.pid}
    for worker in parents.keys() - servers:
        if parents[worker] in servers:
            os.kill(worker, signal.SIGTERM)
    _, error = process.communicate(timeout=300)
    assert (process.returncode, error) == (0, "")
    assert {cell["status"] for cell in cells_of(resexp).values()} == {"done"}


def test_a_cell_that_waits_for_another_process_can_be_interrupted(resexp, start):
    one = ("train", "-m", *TINY, "steps=100000", "depth=1", "norm=pre", "log_every=50")
    first = start(*one)
    wait_for_training(first)
    second = start(*one)
    time.sleep(8)
    second.send_signal(signal.SIGINT)
    second.communicate(timeout=20)
    assert (second.returncode, first.poll()) == (130, None)


def test_a_second_signal_stops_at_once(resexp, start, faulty):
    process = start("train", "-m", *faulty, *TINY, "depth=1,2", "norm=pre", "normalizer=hangs")
    wait_for_training(process)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    process.communicate(timeout=5)
    assert process.returncode == 130
    assert {cell["status"] for cell in cells_of(resexp).values()} == {"interrupted"}
    assert worker_processes() == []


def test_a_sweep_killed_at_any_moment_resumes_to_the_same_numbers(resexp, start):
    command = (*SWEEP, "steps=400", "checkpoint_every=0.05", "eval_every=100")
    began = time.monotonic()
    assert resexp(*command, "outputs=whole").returncode == 0
    duration = time.monotonic() - began
    moments, done, resumed = random.Random(7), {}, 0
    for _ in range(20):
        process = start(*command)
        time.sleep(moments.uniform(0.2, 1.0) * duration)
        process.kill()
        process.communicate()
        killed = time.monotonic()
        while worker_processes() and time.monotonic() - killed < 5:
            time.sleep(0.05)
        assert worker_processes() == []
        resumed += len({file.parent for file in Path("outputs").rglob("checkpoint-*")})
        cells = cells_of(resexp) if Path("outputs").exists() else {}
        finished = {name: numbers for name, numbers in numbers_of(cells).items() if numbers[0] == "done"}
        assert {name: finished[name] for name in done} == done
        done = finished
    assert resumed > 0
    assert resexp(*command).returncode == 0
    assert numbers_of(cells_of(resexp)) == numbers_of(cells_of(resexp, "whole"))
    assert not [*Path("outputs").rglob("checkpoint-*")]
