"""Data frames: their columns, their documentation, and Parquet."""

import csv
import io
import math
import re

import numpy as np
import pandas as pd
import pytest

import resexp
from resexp.cells.run import train
from resexp.cli.main import main
from resexp.config.errors import InputError
from resexp.record.frames import _table, load
from resexp.record.result import CellResult, Replicate
from resexp.record.store import COLUMNS, LAYER_COLUMNS, RunDir
from resexp.stats.scores import score, steps_to_target
from tests.conftest import TEN

STEPS = 60
KINDS = {"text": "other", "list of text": "other"}


def _losses(seed, rate):
    losses = 2.4 * np.exp(-rate * np.arange(STEPS) / STEPS) + 0.01 * seed
    return np.where(np.arange(STEPS) < 40, losses, math.nan) if rate < 0 else losses


def _write(root, norm, rates, **config):
    choices = {"dataset": "digits", "model": "mlp", "norm": norm, "residual": "on", "optimizer": "adamw"}
    config = {"depth": 8, "steps": STEPS, "seeds": [*range(len(rates))], "clip": None, "threads": "auto", **config}
    config["optimizer"] = {"lr": 1e-3, "betas": [0.9, 0.999]}
    path = root / "digits-mlp" / f"{norm}+residual" / f"cell{config['depth']}"
    path.mkdir(parents=True)
    ends = [None if rate < 0 else float(_losses(s, rate)[-1]) for s, rate in enumerate(rates)]
    replicates = [
        Replicate(s, STEPS, e is not None, 2.4, e, e, 0.9, e, 0.8, ["stream_rms"]) for s, e in enumerate(ends)
    ]
    identity = f"{norm}{config['depth']}".ljust(64, "0")
    result = CellResult(identity, "", "", "done", choices, config, replicates, TEN, seconds=2.0)
    losses = np.concatenate([_losses(s, rate) for s, rate in enumerate(rates)])
    steps = dict.fromkeys(COLUMNS, losses) | {"seed": np.repeat([*range(len(rates))], STEPS)}
    layers = dict.fromkeys(LAYER_COLUMNS, np.array([0])) | {"quantity": ["stream_rms"], "value": [0.5]}
    RunDir(path).close(result, steps | {"step": np.tile(np.arange(STEPS), len(rates))}, layers)


@pytest.fixture
def outputs(tmp_path):
    _write(tmp_path / "outputs", "pre", [9.0, 4.0, 1.0])
    _write(tmp_path / "outputs", "none", [-1.0, 0.01], clip=1, threads=2, tuning_seeds=[0])
    return tmp_path / "outputs"


def test_every_column_is_documented_and_has_its_type(outputs):
    rows = re.findall(r"^ *\| ([a-z, ]+) \| (`.*) \| (.+) \| (.+) \| (.+) \|$", resexp.load.__doc__, re.M)
    documented = {
        (frame, column): (KINDS.get(kind, kind), unit)
        for frames, columns, kind, unit, _ in rows
        for frame in (("cells", "replicates", "steps", "layers") if frames == "all" else frames.split(", "))
        for column in re.findall("`([^`]+)`", columns)
    }
    config = {"dataset", "model", "residual", "optimizer", "steps", "seeds", "clip", "threads", "tuning_seeds"}
    config |= {"optimizer.betas"}
    kinds = {"i": "int", "f": "float", "b": "bool"}
    for name, frame in load(outputs)._asdict().items():
        types = {column: kind for (where, column), (kind, _) in documented.items() if where == name}
        assert {*frame.columns} == {*types} | (config if name == "cells" else set())
        for column in types.keys() - {"depth", "optimizer.lr"}:
            assert kinds.get(frame[column].dtype.kind, "other") == types[column], column


def test_a_parquet_file_reads_back_as_the_frame(outputs, monkeypatch, capsys):
    monkeypatch.chdir(outputs.parent)
    assert main(["runs", "--parquet", "all.parquet"]) == 0
    assert capsys.readouterr().out == "2 cells in all.parquet\n"
    pd.testing.assert_frame_equal(pd.read_parquet("all.parquet"), load(outputs).cells)
    assert main(["runs", "norm=pre", "--parquet", "pre.parquet", "--csv"]) == 0
    (line,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    frame = pd.read_parquet("pre.parquet")
    assert [*line] == [*frame.columns]
    assert float(line["score"]) == pytest.approx(frame["score"][0])
    assert main(["runs", "--parquet", "nowhere/all.parquet"]) == 2


def test_values_without_a_common_type_become_text(outputs):
    cells = load(outputs).cells
    assert [*cells["threads"]] == ["2", "auto"]
    assert cells["clip"].dtype == float
    odd = _table([{"a": 1, "b": [1]}, {"a": {"x": 2}, "b": "x", "c": True}, {"a": None}]).to_pandas()
    assert [*odd["a"]][:2] == ["1", "{'x':2}"]
    assert odd.shape == (3, 3)


def test_scores_are_computed_from_the_curves(outputs):
    replicates = load(outputs).replicates
    for row in replicates.itertuples():
        rates = {"pre": [9.0, 4.0, 1.0], "none": [-1.0, 0.01]}[row.id.rstrip("0").rstrip("8")]
        losses = _losses(row.seed, rates[row.seed])
        assert row.score == pytest.approx(score(losses, STEPS, TEN))
        met = steps_to_target(TEN.loss_target, losses, STEPS)
        assert (row.steps_to_target, row.censored) == (met.steps, met.censored)
    cells = load(outputs).cells.set_index("norm")
    assert cells["score"]["pre"] == pytest.approx(replicates["score"][2:].mean())
    assert (cells["steps_to_target"]["none"], cells["censored"]["none"]) == (STEPS, True)
    assert cells["steps_to_target"]["pre"] == sorted(replicates["steps_to_target"][2:])[1]


def test_runs_sorts_by_scores_and_shows_them(outputs, monkeypatch, capsys):
    monkeypatch.chdir(outputs.parent)
    monkeypatch.setenv("COLUMNS", "120")
    for metric in ("score", "steps_to_target"):
        assert main(["runs", "--best", metric]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[2].split()[-3:] == ["loss", "score", "target"]
        assert "pre+residual" in lines[4]
        assert "> 60" in next(line for line in lines if "none+residual" in line)
    assert main(["runs", "--json", "--sort", "score"]) == 0
    assert '"censored": true' in capsys.readouterr().out


@pytest.mark.usefixtures("references")
def test_trained_cells_are_loaded_as_data_frames(cell):
    train(cell("norm=pre"))
    train(cell("norm=post", "seeds=2"))
    cells, replicates, steps, _ = load("outputs")
    assert {*cells["arm"]} == {"pre+residual", "post+residual"}
    assert {*cells["optimizer.lr"]} == {1e-3}
    assert len(replicates) == 5
    assert {*steps.columns} == {"id", "seed", "step", "loss", "accuracy", "grad_norm", "lr", "loss_val", "accuracy_val"}
    one = steps[(steps["id"] == cells["id"][0]) & (steps["seed"] == 0)]
    assert one["step"].tolist() == [*range(7)]
    assert one["loss"].notna().tolist() == [True] * 6 + [False]
    assert one["loss_val"].notna().tolist() == [True, False, False, True, False, False, True]
    single = load(cells["path"][0])
    assert len(single.cells) == 1
    with pytest.raises(InputError, match="no such directory"):
        load("nowhere")
