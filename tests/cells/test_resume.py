"""A training that was stopped or killed resumes from its checkpoint and ends with the same numbers bitwise."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from resexp.build import build, load_data
from resexp.cells.callbacks import CellStart, Notice
from resexp.cells.interrupt import Stop
from resexp.cells.run import train
from resexp.record.index import scan
from resexp.record.store import RunDir

pytestmark = pytest.mark.usefixtures("references")

EACH_STEP = ("norm=pre", "checkpoint_every=0")
VARIANTS = [
    (),
    ("optimizer=sgd", "schedule=cosine", "pack=plain"),
    ("log_every=4", "clip=0.1", "precision=float64"),
    ("optimizer=adam", "activation=tanh"),
]


class Killed(BaseException):
    """Ends a training as if its process were killed: no result is written."""


def train_until(cell, step, *, kill=False):
    """Train `step` steps, then request a stop, or end as if killed."""
    stop = Stop()

    def on_event(event):
        if getattr(event, "first", -1) + 1 == step:
            if kill:
                raise Killed
            stop.requested = True

    with pytest.raises(Killed if kill else KeyboardInterrupt):
        train(cell, on_event, stop=stop)


def _resume(cell):
    """Resume a training; return the result, the first step and the notes."""
    events = []
    result = train(cell, events.append)
    (started,) = [e for e in events if isinstance(e, CellStart) and e.role == "cell"]
    return result, started.step, [e.text for e in events if isinstance(e, Notice)]


def _assert_same(one, other):
    assert one.status == other.status == "done"
    assert one.replicates == other.replicates
    first, second = (RunDir(Path(result.path)).steps() for result in (one, other))
    for name, column in first.items():
        np.testing.assert_array_equal(column, second[name])


@pytest.mark.parametrize(
    ("more", "kill"),
    [
        ((), False),
        *(
            pytest.param(v, k, marks=pytest.mark.slow)
            for v, k in zip(VARIANTS, (True, False, True, False), strict=True)
        ),
    ],
)
def test_a_training_resumed_at_any_step_equals_an_uninterrupted_one(cell, more, kill):
    whole = train(cell(*EACH_STEP, *more, "outputs=whole"))
    for step in (1, 2, 5):
        small = cell(*EACH_STEP, *more)
        train_until(small, step, kill=kill)
        assert next(scan([small.path])).status == "interrupted"
        result, start, notes = _resume(cell(*more, "norm=pre"))
        assert (start, notes) == (step - kill, []) if step > kill else (0, [])
        _assert_same(result, whole)
        assert not [*small.path.glob("checkpoint-*")]
        small = RunDir(small.path).path
        (small / "result.json").unlink()


def test_curves_of_a_resumed_cell_have_no_gaps_or_duplicates(cell):
    small = cell(*EACH_STEP, "log_every=1", "eval_every=1")
    train_until(small, 2, kill=True)
    train_until(small, 4)
    train(small)
    events = EventAccumulator(str(small.path), size_guidance={"scalars": 0})
    events.Reload()
    assert [e.step for e in events.Scalars("loss/train")] == [*range(6)]
    assert [e.step for e in events.Scalars("loss/validation")] == [*range(7)]
    steps = RunDir(small.path).steps()
    means = [steps["loss"][steps["step"] == t].mean() for t in range(6)]
    np.testing.assert_allclose([e.value for e in events.Scalars("loss/train")], means, rtol=1e-6)


@pytest.mark.parametrize(
    "damage", ["flipped", *(pytest.param(d, marks=pytest.mark.slow) for d in ("cut", "empty", "foreign"))]
)
def test_a_damaged_checkpoint_is_set_aside_and_the_previous_one_used(cell, damage):
    whole = train(cell(*EACH_STEP, "outputs=whole"))
    small = cell(*EACH_STEP)
    train_until(small, 4)
    older, newest = sorted(small.path.glob("checkpoint-*"))
    content = newest.read_bytes()
    if damage == "foreign":
        other = cell("norm=post", "checkpoint_every=0")
        train_until(other, 4)
        content = sorted(other.path.glob("checkpoint-*"))[-1].read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    newest.write_bytes({"cut": content[:-9], "flipped": flipped, "empty": b"", "foreign": content}[damage])
    result, start, notes = _resume(small)
    assert (older.name, start) == ("checkpoint-000000003.pt", 3)
    assert notes == result.notes
    assert notes[0].startswith("set aside checkpoint-000000004.pt: ")
    assert (small.path / "damaged-checkpoint-000000004.pt").exists()
    _assert_same(result, whole)


@pytest.mark.slow
def test_seeds_with_a_checkpoint_resume_and_the_others_start_anew(cell):
    whole = train(cell(*EACH_STEP, "seeds=4", "outputs=whole"))
    small = cell(*EACH_STEP, "seeds=[1,3]")
    train_until(small, 4)
    events = []
    result = train(cell("norm=pre", "seeds=4"), events.append)
    assert [(e.seeds, e.step) for e in events if isinstance(e, CellStart)] == [((1, 3), 4), ((0, 2), 0)]
    _assert_same(result, whole)


def test_fewer_seeds_or_fresh_start_from_step_0(cell):
    for again in ("seeds=2", "fresh=true"):
        train_until(cell(*EACH_STEP), 4)
        assert _resume(cell("norm=pre", again))[1] == 0
        (cell("norm=pre").path / "result.json").unlink()


@pytest.mark.parametrize(
    ("keep", "weights", "checkpoints"), [("auto", 3, 0), ("none", 0, 0), ("weights", 3, 0), ("all", 3, 6)]
)
@pytest.mark.slow
def test_keep_checkpoints_decides_which_weights_and_checkpoints_stay(cell, keep, weights, checkpoints):
    small = cell(*EACH_STEP, f"keep_checkpoints={keep}")
    train(small)
    assert len([*small.path.glob("checkpoint-*")]) == checkpoints
    files = sorted(small.path.glob("weights/*"))
    assert [f.name for f in files] == [f"seed{s:04d}.pt" for s in range(weights)]


def test_saved_weights_load_into_the_plain_module_and_reproduce_its_validation_loss(cell):
    small = cell("norm=pre", "precision=float64")
    result = train(small)
    data = load_data(small)
    network = build(small, (0,), data).pack.network.to_empty(device="cpu")
    for replicate in result.replicates:
        network.load_state_dict(torch.load(small.path / f"weights/seed{replicate.seed:04d}.pt", weights_only=True))
        logits = network(data.standardize(data.validation.x))
        loss = torch.nn.functional.cross_entropy(logits, data.validation.y).item()
        assert loss == pytest.approx(replicate.loss_val, rel=1e-9)
