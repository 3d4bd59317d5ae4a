"""The names that `import resexp` offers, their types, and what the functions log."""

import logging
import subprocess
import sys

import pytest

import resexp
from resexp.cells.callbacks import CellEnd, CellStart, CellWait, Notice
from resexp.cells.event_log import log_events
from resexp.config.errors import InputError
from resexp.record.result import result_for
from tests.conftest import TINY

FUNCTIONS = {"compare", "depth", "load", "probe", "sweep", "train"}
TYPES = {
    "ArmSearch", "CellResult", "Comparison", "ComparisonRow", "Cost", "DepthSearchEstimate", "EffectRow", "Frames",
    "Gain", "InputError", "ProbeResult", "Reference", "Replicate",
}  # fmt: skip
CLIENT = """
from collections.abc import Sequence
from pathlib import Path

import torch

import resexp

result: resexp.CellResult = resexp.train("optimizer.lr=1e-3", norm="pre", depth=4, clip=None, fresh=True)
error: str | None = result.error
losses: list[float | None] = [replicate.loss_val for replicate in result.replicates]
results: list[resexp.CellResult] = resexp.sweep(norm=["none", "pre"], depth=range(1, 3), outputs=Path("x"))
for arm in resexp.depth(norm=("none", "pre"), depth=64):
    estimate: resexp.DepthSearchEstimate | None = arm.estimate
    print(estimate.d50 if estimate else arm.error)
probed: resexp.ProbeResult = resexp.probe(torch.nn.Linear(2, 2), torch.ones(1, 2), loss=lambda output, _: output.sum())
gain: resexp.Gain = probed.gain_forward
try:
    rows: Sequence[resexp.ComparisonRow] = resexp.compare("norm=pre", "norm=none", by="depth").rows
except resexp.InputError as error:
    print(error)
cells, replicates, steps, layers = resexp.load(Path("outputs"))
print(cells["depth"].max())
"""
WRONG = """
import resexp

resexp.train(depth={1: 2})
resexp.CellResults
resexp.probe(3, [1.0])
"""


def test_all_lists_the_public_names():
    assert {*resexp.__all__} == FUNCTIONS | TYPES
    assert {*resexp.__all__} <= {*dir(resexp)}
    assert all(callable(getattr(resexp, name)) for name in FUNCTIONS)
    assert all(isinstance(getattr(resexp, name), type) for name in TYPES)
    with pytest.raises(AttributeError, match="module 'resexp' has no attribute 'trains'"):
        _ = resexp.trains


def test_importing_resexp_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'pandas', 'scipy', 'hydra', 'omegaconf', 'rich'}"
    code = f"import sys, resexp; print({heavy} & {{*sys.modules}} or 'light')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "light\n", run.stderr


def _mypy(path):
    pytest.importorskip("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_a_client_type_checks_strictly(tmp_path):
    (tmp_path / "client.py").write_text(CLIENT)
    (tmp_path / "wrong.py").write_text(WRONG)
    assert "client.py" not in _mypy(tmp_path / "client.py")
    errors = _mypy(tmp_path / "wrong.py")
    assert [errors.count(f"wrong.py:{line}: error") for line in (4, 5, 6)] == [1, 1, 2]


def test_events_are_logged_by_importance(cell, caplog):
    small = cell("norm=pre")
    log = log_events(small)
    caplog.set_level(logging.INFO, logger="resexp")
    log(CellStart("reference", cell("depth=3"), (0,), (), 10, 10, "vmap", "cpu", 100))
    log(CellStart("cell", small, (0, 1, 2), (), 10, 10, "vmap", "cpu", 100, step=4))
    log(CellWait(small.path))
    log(Notice("no checkpoint at step 3: No space left on device"))
    log(CellEnd("reference", result_for(small, "done"), (0,)))
    log(CellEnd("cell", result_for(small, "done"), (0, 1, 2)))
    log(CellEnd("cell", result_for(small, "done"), ()))
    log(CellEnd("cell", result_for(small, "failed", error="RuntimeError: out of luck"), ()))
    assert [(r.levelname, r.getMessage().removeprefix(f"{small.name}: ")) for r in caplog.records] == [
        ("INFO", "training the shallow reference (depth 3) for its target loss"),
        ("INFO", "training 3 seeds, resumed from step 4"),
        ("INFO", "waiting for another process that trains it"),
        ("WARNING", "no checkpoint at step 3: No space left on device"),
        ("INFO", "done"),
        ("INFO", "done before, nothing to train"),
        ("ERROR", "failed: RuntimeError: out of luck"),
    ]


@pytest.mark.usefixtures("references")
def test_train_logs_its_progress_and_prints_nothing(caplog, capfd):
    caplog.set_level(logging.INFO, logger="resexp")
    result = resexp.train(*TINY)
    assert [r.getMessage().removeprefix(f"{result.name}: ") for r in caplog.records] == ["training 3 seeds", "done"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_sweep_logs_failures_to_stderr_by_default(tmp_path, faulty):
    code = (
        "import resexp\n"
        f"results = resexp.sweep(*{TINY!r}, 'normalizer._target_=faulty.Raises', norm=['pre'], depth=[1, 2])\n"
        "print([r.status for r in results])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.stdout == "['failed', 'failed']\n"
    assert run.stderr.count("failed: RuntimeError: out of luck") == 2, run.stderr


@pytest.mark.usefixtures("references")
def test_commands_log_nothing(caplog, capsys):
    from resexp.cli.main import main

    caplog.set_level(logging.INFO, logger="resexp")
    assert main(["train", *TINY]) == 0
    assert caplog.records == []


@pytest.mark.usefixtures("references")
def test_the_python_api_trains_like_the_command(cell, tmp_path):
    result = resexp.train(
        "optimizer.lr=2e-3",
        norm="pre",
        depth=2,
        width=16,
        steps=4,
        batch_size=32,
        seeds=[0, 4],
        outputs=tmp_path / "a b,c",
    )
    assert result.status == "done"
    assert [r.seed for r in result.replicates] == [0, 4]
    assert result.config["optimizer"]["lr"] == 2e-3
    assert result.path.startswith(str(tmp_path / "a b,c"))
    with pytest.raises(InputError, match="did you mean depth"):
        resexp.train(dept=2)
