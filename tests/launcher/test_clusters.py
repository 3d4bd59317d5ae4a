"""Sweeps on other launchers and sweepers: submitit's local executor, a Ray instance on loopback, joblib, Optuna."""

import math
import re
from pathlib import Path

import pytest

from tests.conftest import TINY, cells_of

pytestmark = pytest.mark.slow

SWEEP = ("train", "-m", *TINY, "steps=20", "depth=1,2", "norm=none,pre")


@pytest.mark.parametrize(
    ("launcher", "package"),
    [("joblib", "hydra_joblib_launcher"), ("submitit_local", "hydra_submitit_launcher"), ("ray", "hydra_ray_launcher")],
)
def test_a_sweep_on_another_launcher_has_the_same_results(resexp, faulty, launcher, package):
    pytest.importorskip(f"hydra_plugins.{package}")
    assert resexp(*SWEEP, "outputs=local").returncode == 0
    run = resexp(*SWEEP, f"hydra/launcher={launcher}")
    assert run.returncode == 0, run.stderr
    assert len(re.findall(r"^\[\d/4\] ", run.stdout, re.M)) == 4
    expected, cells = cells_of(resexp, "local"), cells_of(resexp)
    assert {n: c["replicates"] for n, c in cells.items()} == {n: c["replicates"] for n, c in expected.items()}
    again = resexp(*SWEEP, f"hydra/launcher={launcher}")
    assert again.stdout.count("(already done)") == 4

    faults = ("depth=1", "norm=pre", "normalizer=layernorm,raises,killed")
    failing = resexp("train", "-m", *faulty, *TINY, *faults, f"hydra/launcher={launcher}", "outputs=faulty")
    assert failing.returncode == 1
    assert "RuntimeError: out of luck (faulty.py:" in failing.stderr
    assert "killed by SIGKILL" in failing.stderr
    assert "Traceback" not in failing.stderr
    assert sorted(c["status"] for c in cells_of(resexp, "faulty").values()) == ["done", "failed", "failed"]


def test_optuna_minimizes_the_metric(resexp):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    search = (
        "hydra/sweeper=optuna",
        "hydra.sweeper.n_trials=6",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.sampler.seed=3",
    )
    space = ("optimizer.lr=tag(log, interval(1e-4,1e-1))", "metric=loss_train")
    run = resexp("train", "-m", *TINY, "steps=30", "norm=pre", *search, *space)
    assert run.returncode == 0, run.stderr
    cells = [*cells_of(resexp).values()]
    assert len(cells) == 6
    losses = {c["config"]["optimizer"]["lr"]: math.fsum(r["loss_train"] for r in c["replicates"]) / 3 for c in cells}
    best = min(losses, key=losses.__getitem__)
    results = next(Path("outputs").rglob("optimization_results.yaml")).read_text()
    assert f"optimizer.lr: {best}" in results
    assert float(re.search(r"best_value: (\S+)", results)[1]) == pytest.approx(losses[best])
    assert run.stdout.count("optimizer.lr") >= 1


def test_an_optuna_search_reports_why_it_ended_early(resexp, faulty):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    space = ("normalizer=choice(raises)", "optimizer.lr=interval(1e-4,1e-1)")
    run = resexp("train", "-m", *faulty, *TINY, "norm=pre", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=3", *space)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "out of luck" in run.stderr
