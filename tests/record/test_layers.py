"""Layer diagnostics are recorded without gaps or duplicates, also if a training is resumed or extended."""

import numpy as np
import pytest

from resexp.cells.callbacks import CellStart, Notice
from resexp.cells.run import train
from resexp.config.errors import InputError
from resexp.engine.events import Layers
from resexp.record.frames import load
from resexp.record.store import RunDir
from tests.cells.test_resume import EACH_STEP, train_until

pytestmark = pytest.mark.usefixtures("references")


TWO = ("diagnostics=light", "diagnostics.quantities=[stream_rms,update_ratio]")
"""Diagnostics of two quantities."""


def train_with_events(cell):
    """Train a cell; return the result, the measurements, the seeds of each pack, and the notes."""
    events = []
    result = train(cell, events.append)
    started = [e.seeds for e in events if isinstance(e, CellStart) and e.role == "cell"]
    measurements = [e for e in events if isinstance(e, Layers)]
    return result, measurements, started, [e.text for e in events if isinstance(e, Notice)]


@pytest.mark.slow
def test_the_layer_file_holds_the_values_of_the_events(cell):
    small = cell("norm=pre", "diagnostics=full")
    _, measurements, _, _ = train_with_events(small)
    frame = load(small.path).layers
    assert [e.step for e in measurements] == [0, 1, 3, 6]
    assert not frame.duplicated(["seed", "step", "layer", "quantity"]).any()
    assert len(frame) == sum(values.size for e in measurements for values in e.values.values())
    for measurement in measurements:
        for name, values in measurement.values.items():
            rows = frame[(frame.step == measurement.step) & (frame.quantity == name)].sort_values(["seed", "layer"])
            np.testing.assert_array_equal(rows.value, values.ravel())
            first = {1: -1, measurement.blocks: 1, measurement.blocks + 1: 0}[values.size // 3]
            assert rows.layer.min() == (first if name != "sharpness" else -1)


def test_without_diagnostics_there_is_no_layer_file(cell):
    small = cell("norm=pre")
    train(small)
    assert RunDir(small.path).layers() is None
    assert load(small.path).layers.columns.tolist() == ["id", "seed", "step", "layer", "quantity", "value"]


def test_diagnostics_are_no_part_of_the_identity(cell):
    cells = [cell("norm=pre", f"diagnostics={level}") for level in ("off", "light", "full")]
    assert len({c.id for c in cells}) == len({c.path for c in cells}) == 1


@pytest.mark.slow
def test_seeds_without_the_requested_diagnostics_are_trained_again_with_a_note(cell):
    plain, measurements, started, notes = train_with_events(cell("norm=pre", "seeds=2"))
    assert (measurements, started, notes) == ([], [(0, 1)], [])
    light, measurements, started, notes = train_with_events(cell("norm=pre", "seeds=3", *TWO))
    assert started == [(0, 1, 2)]
    assert notes == ["seeds 0, 1 are trained again: diagnostics=light was not recorded"]
    for one, other in zip(plain.replicates, light.replicates, strict=False):
        assert (one.loss_train, one.loss_val) == (other.loss_train, other.loss_val)
    for again in ((), TWO):
        assert train_with_events(cell("norm=pre", "seeds=3", *again))[2] == []
    for again in ((), TWO):
        assert train_with_events(cell("norm=pre", "seeds=4", *again))[2] == [(3,)]
    frame = load(cell("norm=pre").path).layers
    assert not frame.duplicated(["seed", "step", "layer", "quantity"]).any()
    assert (frame.groupby("seed").size() == len(frame) / 4).all()


@pytest.mark.parametrize(("kill", "step"), [(True, 4), (False, 6)])
@pytest.mark.slow
def test_a_resumed_cell_has_no_gaps_or_duplicate_rows(cell, kill, step):
    whole, small = cell("norm=pre", *TWO, "outputs=whole"), cell(*EACH_STEP, *TWO)
    train(whole)
    train_until(small, step, kill=kill)
    assert train_with_events(small)[2] == [(0, 1, 2)]
    one, other = RunDir(whole.path).layers(), RunDir(small.path).layers()
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.slow
def test_another_pattern_of_blocks_is_measured_anew(cell):
    train(cell("norm=pre", "seeds=1", "diagnostics=light"))
    inner = cell("norm=pre", "seeds=1", "diagnostics=light", "diagnostics.blocks=blocks.0.body.fc*")
    _, measurements, started, _ = train_with_events(inner)
    assert (started, {e.blocks for e in measurements}) == ([(0,)], {2})
    assert measurements[0].values["stream_rms"].shape == (1, 3)
    assert train_with_events(inner)[2] == []


@pytest.mark.slow
def test_a_checkpoint_without_the_requested_diagnostics_is_not_resumed(cell):
    small = cell(*EACH_STEP, *TWO)
    train_until(cell(*EACH_STEP), 4)
    events = []
    train(small, events.append)
    assert [e.step for e in events if isinstance(e, CellStart)] == [0]
    assert {*RunDir(small.path).layers()["step"]} == {0, 1, 3, 6}


def test_a_quantity_of_the_user_is_recorded(cell, tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text(
        "def largest(probe):\n    import torch\n"
        "    return torch.stack([h.abs().flatten(1).amax(1) for h in probe.trace.streams], 1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    small = cell("norm=pre", "diagnostics=light", "diagnostics.quantities=[stream_rms,my_layers.largest]")
    train(small)
    frame = load(small.path).layers
    assert {*frame.quantity} == {"stream_rms", "largest"}
    values = frame.pivot_table("value", ["seed", "step", "layer"], "quantity")
    assert (values.largest > values.stream_rms).all()
    with pytest.raises(InputError, match="diagnostics: no quantity stream_rmss; did you mean stream_rms"):
        train(cell("diagnostics=light", "diagnostics.quantities=[stream_rmss]"))
