"""Training a cell: skipped, added, failed and interrupted seeds, and the files on disk."""

import contextlib
import json
import os
import shutil

import numpy as np
import pytest

from resexp.cells.callbacks import CellEnd, CellStart
from resexp.cells.run import train
from resexp.config.errors import InputError
from resexp.record.index import scan
from resexp.record.store import RunDir

pytestmark = pytest.mark.usefixtures("references")


class Recorder:
    """A callback that keeps the events, and raises `fault` at the first event for which `stop` is true."""

    def __init__(self, stop=lambda event: False, fault=KeyboardInterrupt):
        self.events, self.stop, self.fault = [], stop, fault

    def __call__(self, event):
        self.events.append(event)
        if self.stop(event):
            raise self.fault

    def started(self):
        return [e for e in self.events if isinstance(e, CellStart) and e.role == "cell"]


def _at(step):
    return lambda event: getattr(event, "first", -1) == step


def test_a_cell_is_recorded(cell):
    small = cell("norm=pre")
    result = train(small)
    assert result.status == "done"
    assert result.path == str(small.path)
    assert [r.seed for r in result.replicates] == [0, 1, 2]
    assert all(r.steps == 6 and r.finite for r in result.replicates)
    names = {p.name.split(".")[0] for p in small.path.iterdir() if not p.name.startswith(".")}
    assert names == {"config", "run", "result", "steps", "events", "weights"}
    run = json.loads((small.path / "run.json").read_text())
    assert run["id"] == small.id
    (training,) = run["trainings"]
    assert training["versions"]["torch"]
    assert training["command"]
    assert (training["seeds"], training["mode"]) == ([0, 1, 2], "vmap")


def test_the_recorded_configuration_makes_the_same_cell_again(cell, composer, tmp_path):
    from omegaconf import OmegaConf

    small = cell("norm=post", "optimizer.lr=0.002")
    RunDir(small.path).open(small, {})
    overrides = json.loads((small.path / "run.json").read_text())["trainings"][0]["overrides"]
    assert composer.cell(overrides) == small
    stored = OmegaConf.to_container(OmegaConf.load(small.path / "config.yaml"))
    assert stored == small.config


def test_a_done_cell_is_trained_again_only_if_fresh(cell):
    first, on_event = train(cell("norm=pre")), Recorder()
    again = train(cell("norm=pre"), on_event)
    assert not on_event.started()
    assert again == first
    assert on_event.events == [CellEnd("cell", again, ())]
    on_event = Recorder()
    fresh = train(cell("norm=pre", "fresh=true"), on_event)
    assert len(on_event.started()) == 1
    assert fresh.replicates == first.replicates


def test_only_missing_seeds_are_trained(cell):
    train(cell("norm=pre", "seeds=2"))
    before = RunDir(cell("norm=pre").path).steps()
    on_event = Recorder()
    more = train(cell("norm=pre", "seeds=4"), on_event)
    assert on_event.started()[0].seeds == (2, 3)
    assert on_event.started()[0].reused == (0, 1)
    fresh = train(cell("norm=pre", "seeds=4", "outputs=other"))
    assert more.replicates == fresh.replicates
    steps, others = RunDir(cell("norm=pre").path).steps(), RunDir(cell("norm=pre", "outputs=other").path).steps()
    for name, column in steps.items():
        np.testing.assert_array_equal(column, others[name])
        old = column[np.isin(steps["seed"], (0, 1))]
        np.testing.assert_array_equal(old, before[name])
    assert [r.seed for r in train(cell("norm=pre", "seeds=[3,1]")).replicates] == [1, 3]


def test_an_interrupted_cell_keeps_its_curves(cell):
    small = cell("norm=pre")
    with pytest.raises(KeyboardInterrupt):
        train(small, Recorder(_at(2)))
    (result,) = scan([small.path.parent])
    assert result.status == "interrupted"
    assert [r.steps for r in result.replicates] == [4, 4, 4]
    assert all(result.verdict(r) is None for r in result.replicates)
    assert RunDir(small.path).steps()["step"].max() == 3
    events = {*small.path.glob("events.*")}
    done = train(small)
    assert done.status == "done"
    assert not events & {*small.path.glob("events.*")}


def test_interrupting_added_seeds_leaves_the_result_unchanged(cell):
    small = cell("norm=pre", "seeds=2")
    before = train(small)
    events = {*small.path.glob("events.*")}
    for fault in (KeyboardInterrupt, RuntimeError):
        with contextlib.suppress(KeyboardInterrupt):
            train(cell("norm=pre", "seeds=4"), Recorder(_at(2), fault))
        assert RunDir(small.path).result(small.path.parent.parent.parent) == before
        assert {*small.path.glob("events.*")} == events


def test_a_failed_cell_is_recorded_and_trained_again(cell):
    small = cell("norm=pre")
    result = train(small, Recorder(_at(2), RuntimeError("out of luck")))
    assert result.status == "failed"
    assert result.error.startswith("RuntimeError: out of luck (test_run.py:")
    assert next(scan([small.path])).status == "failed"
    assert train(small).status == "done"


def test_interrupting_the_reference_keeps_the_trained_cell(cell, references):
    shutil.rmtree(references)
    small = cell("norm=pre")
    with pytest.raises(KeyboardInterrupt):
        train(small, Recorder(lambda e: isinstance(e, CellStart) and e.role == "reference"))
    (result,) = scan([small.path])
    assert (result.status, len(result.replicates), result.reference) == ("done", 3, None)
    on_event = Recorder()
    judged = train(small, on_event)
    assert not on_event.started()
    assert judged.reference.measured
    assert judged.replicates == result.replicates


def test_a_failure_never_replaces_a_done_result(cell):
    small = cell("norm=pre")
    train(small)
    wrong = cell("norm=pre", "seeds=5", "device=cuda:99")
    assert wrong.path == small.path
    assert train(wrong, isolate=True).status == "failed"
    assert next(scan([small.path])).status == "done"


@pytest.mark.slow
def test_the_record_of_a_diverged_replicate_does_not_depend_on_its_pack(cell):
    """Seeds diverge at different steps, and a pack is trained until all have."""
    wild = ("optimizer=sgd", "optimizer.lr=1e30", "steps=40", "log_every=2")
    alone, both = train(cell(*wild, "seeds=[1]", "outputs=a")), train(cell(*wild, "seeds=2", "outputs=b"))
    assert alone.replicates == [r for r in both.replicates if r.seed == 1]
    one, two = RunDir(cell(*wild, "outputs=a").path).steps(), RunDir(cell(*wild, "outputs=b").path).steps()
    for name, column in one.items():
        np.testing.assert_array_equal(column, two[name][two["seed"] == 1])


def test_bad_data_writes_nothing_unless_isolated(cell, tmp_path):
    wrong = cell("batch_size=5000")
    with pytest.raises(InputError, match="batch_size=5000"):
        train(wrong)
    assert os.listdir(tmp_path / "outputs") == [".reference"]
    result = train(wrong, isolate=True)
    assert (result.status, result.replicates) == ("failed", [])
    assert next(scan([wrong.path])).error == result.error


def test_a_clock_running_backwards_changes_nothing(cell, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    whole = train(cell("norm=pre", "outputs=whole"))
    hours = iter(range(10**9, 0, -3600))
    monkeypatch.setattr("time.time", lambda: next(hours))
    small = cell("norm=pre", "checkpoint_every=0")
    with pytest.raises(KeyboardInterrupt):
        train(small, Recorder(_at(4)))
    assert train(small).replicates == whole.replicates
    events = EventAccumulator(str(small.path))
    events.Reload()
    assert [e.step for e in events.Scalars("loss/train")] == [0, 2, 4, 5]
    assert events.Scalars("final/trained")


def test_a_non_finite_replicate_is_diverged(cell):
    wild = train(cell("optimizer=sgd", "optimizer.lr=1e30", "steps=6", "eval_every=1"))
    assert wild.status == "done"
    assert [wild.verdict(r) for r in wild.replicates] == ["diverged"] * 3
    assert all(not r.finite and r.steps < 6 for r in wild.replicates)
    json.dumps(wild.to_json(), allow_nan=False)


def test_the_reference_is_measured_once(cell, tmp_path, references):
    shutil.rmtree(references)
    recorders = [Recorder(), Recorder()]
    for on_event, norm in zip(recorders, ("pre", "post"), strict=True):
        train(cell(f"norm={norm}"), on_event)
    trained = [[e for e in w.events if isinstance(e, CellStart) and e.role == "reference"] for w in recorders]
    assert [e.cell.settings.seed_list for e in trained[0]] == [(1000, 1001, 1002)] * 3
    assert trained[1] == []
    assert {e.cell.options["optimizer"]["lr"] for e in trained[0]} == {1e-3, 3e-3, 3e-4}
    assert [r.name.count("reference") for r in scan([tmp_path / "outputs"])] == [0, 0]


def test_the_cost_of_training_is_recorded(cell, references):
    costs = {norm: train(cell(f"norm={norm}", "steps=8")).cost for norm in ("none", "pre")}
    none, pre = costs["none"], costs["pre"]
    assert RunDir(cell("norm=pre", "steps=8").path).result().cost == pre
    assert pre.parameters > none.parameters == 16 * 64 + 16 + 2 * 2 * (16 * 16 + 16) + 16 * 10 + 10
    products = 16 * 64 + 4 * 16 * 16 + 16 * 10
    assert none.flops == pre.flops == 2 * 32 * (3 * products - 16 * 64)  # no gradient of the data
    assert pre.saved > none.saved > 0
    assert 0 < none.step_seconds < 1
    assert none.replicates == 3
