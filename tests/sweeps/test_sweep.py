"""A sweep's record, its estimate, and the view of it."""

import json
import re
from pathlib import Path

import pytest

from resexp.cells.callbacks import CellEnd, CellStart, Notice
from resexp.cells.interrupt import Stop
from resexp.cells.run import train
from resexp.cli.main import main
from resexp.console.sweep import SweepView
from resexp.engine.events import Steps
from resexp.launcher.local import environments, share
from resexp.record.index import scan
from resexp.record.result import result_for
from resexp.sweeps.estimate import missing
from tests.conftest import TINY

SWEEP = (*TINY, "depth=1,2", "norm=pre,post")


@pytest.fixture
def cells(composer):
    return [cell for _, cell in composer.jobs([*SWEEP])]


@pytest.mark.slow
def test_a_sweep_leaves_a_record_of_itself(resexp, tmp_path):
    resexp("train", *TINY, "depth=3", "norm=pre")
    assert resexp("train", "-m", *SWEEP).returncode == 0
    (record,) = Path("outputs/.sweeps").iterdir()
    about = json.loads((record / "sweep.json").read_text())
    assert about["overrides"] == [*SWEEP]
    assert len(about["cells"]) == 4
    assert len(json.loads(resexp("runs", "--json").stdout)) == 5
    assert len(json.loads(resexp("runs", "--json", str(record)).stdout)) == 4
    matrix = resexp("runs", str(record)).stdout
    assert re.search(r"depth +\+residual +\+residual", matrix)


@pytest.mark.slow
def test_a_sweep_in_python_is_the_command(resexp, tmp_path, monkeypatch):
    (tmp_path / "script.py").write_text(
        "import resexp\n"
        "results = resexp.sweep(*'width=16 steps=6 batch_size=32'.split(), depth=[1, 2], norm='pre', seeds=[0, 4])\n"
        "print([(r.status, [x.seed for x in r.replicates], r.config['depth']) for r in results])\n"
    )
    import subprocess
    import sys

    run = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert run.stdout == "[('done', [0, 4], 1), ('done', [0, 4], 2)]\n", run.stderr


@pytest.mark.slow
def test_the_seeds_of_a_tuned_sweep_are_parted(resexp):
    given = ("train", "-m", *TINY, "steps=40", "norm=pre", "optimizer.lr=1e-3,1e-2", "tuning_seeds=[0,1]")
    run = resexp(*given)
    assert re.search(r"arm +best lr +verdicts +train loss", run.stdout), run.stderr
    assert re.search(r"pre\+residual +0.01 \(at the edge\) +1 ", run.stdout)
    resexp(*given[:-1], "tuning_seeds=[2]")
    records = sorted(Path("outputs/.sweeps").iterdir())
    assert [{tuple(cell.config["tuning_seeds"]) for cell in scan([r])} for r in records] == [{(0, 1)}, {(2,)}]


@pytest.mark.slow
def test_a_dry_run_estimates_and_writes_nothing(resexp, tmp_path):
    run = resexp("train", "--dry-run", "-m", *SWEEP)
    assert run.returncode == 0, run.stderr
    assert "4 cells, 4 to train" in run.stdout
    assert re.search(
        r"estimate: [\d.]+ s on \d+ workers? with \d+ threads? each, up to 0\.\d GB of memory per worker", run.stdout
    )
    assert [*tmp_path.iterdir()] == []
    resexp("train", *TINY, "depth=1", "norm=pre")
    again = resexp("train", "--dry-run", "-m", *SWEEP, "seeds=4")
    assert "4 cells, 4 to train" in again.stdout
    assert "1 to train, 3 done" in again.stdout


@pytest.mark.usefixtures("references")
def test_what_a_dry_run_says_is_missing(composer, cells):
    train(cells[0])
    assert [cell.id for cell in missing(cells)] == [cell.id for cell in cells[1:]]
    more = composer.cell([*cells[0].overrides, "seeds=5"])
    assert [cell.settings.seed_list for cell in missing([more])] == [(3, 4)]


def test_bad_input_of_a_dry_run(tmp_path, capfd):
    assert main(["train", "--dry-run", "-m", "depth=0,1"]) == 2
    assert capfd.readouterr().err.startswith("resexp: depth=0")


@pytest.mark.slow
def test_no_estimate_is_no_traceback(resexp, faulty):
    overflowing = resexp("train", "--dry-run", "depth=200", "seeds=1", "batch_size=32", "width=8")
    assert (overflowing.returncode, overflowing.stderr) == (0, "")
    for normalizer, said in (("raises", "RuntimeError: out of luck"), ("killed", "BrokenProcessPool")):
        run = resexp("train", "--dry-run", *faulty, *TINY, "norm=pre", f"normalizer={normalizer}")
        assert (run.returncode, "Traceback" in run.stderr) == (1, False)
        assert said in run.stderr


@pytest.mark.parametrize(
    ("visible", "device", "expected"),
    [
        ("-1", "auto", []),
        ("", "auto", []),
        ("0,1", "auto", ["0", "1"]),
        ("0,1", "cpu", []),
        ("GPU-3f", "cuda", ["GPU-3f"]),
    ],
)
def test_each_worker_gets_a_gpu_of_those_it_may_use(composer, monkeypatch, visible, device, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    cells = [composer.cell([f"device={device}", f"depth={d}"]) for d in (1, 2, 3)]
    assert environments(cells) == [{"CUDA_VISIBLE_DEVICES": name} for name in expected]
    workers, threads = share(len(cells), "auto", "auto", len(expected))
    assert workers == (len(expected) or min(3, workers))
    assert threads >= 1
    assert environments([composer.cell([f"device=cuda:{n}"]) for n in (0, 1)]) == [{}, {}]


def _drawn(view, width):
    view.console.size = (width, 40)
    with view.console.capture() as capture:
        view.console.print(view)
    return capture.get()


@pytest.mark.parametrize("width", [80, 160])
def test_the_view_shows_what_runs_and_what_ended(cells, width):
    import numpy as np

    stop = Stop()
    view = SweepView(cells, stop)
    first, second, third = (view.callback_for(cell) for cell in cells[:3])
    first(CellStart("cell", cells[0], (0, 1, 2), (), 10, 10, "vmap", "cpu", 100))
    first(Steps(0, *(np.full((3, 3), 0.5) for _ in range(3)), np.full(3, 0.1)))
    second(CellEnd("cell", result_for(cells[1], "failed", error="out of luck"), ()))
    third(CellStart("reference", cells[2], (0,), (), 10, 10, "vmap", "cpu", 100))
    third(Notice("something odd"))
    text = _drawn(view, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert "3/6" in text
    assert "loss 0.500 ± 0.00" in text
    assert "0/4 done · 2 running · 1 failed · 1 waiting" in text
    assert "reference of pre+" in text
    assert re.search(r"1 +running +failed", text)
    assert "stopping" not in text
    stop.request()
    assert "Ctrl-C again stops them at once" in _drawn(view, width)
