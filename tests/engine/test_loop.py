"""The loop's events, batch order and schedules."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.data.dataset import Batches
from resexp.engine.events import End, Steps, Validation
from resexp.engine.loop import fit
from resexp.engine.optimizers import Constant, Cosine


def _events(cell):
    built = build(cell, cell.settings.seed_list, load_data(cell))
    return [*fit(built)]


@pytest.mark.parametrize(("steps", "log_every", "eval_every"), [(7, 3, 2), (6, 2, 50), (1, 10, 1), (5, 1, 5)])
def test_every_step_is_told_once(cell, steps, log_every, eval_every):
    events = _events(cell(f"steps={steps}", f"log_every={log_every}", f"eval_every={eval_every}"))
    told = [e.first + i for e in events if isinstance(e, Steps) for i in range(len(e.lr_S))]
    assert told == [*range(steps)]
    assert [e.step for e in events if isinstance(e, Validation)] == [*range(0, steps, eval_every)]
    assert isinstance(events[-1], End)
    assert events[-1].step == steps


def test_looking_changes_nothing(cell):
    curves = [
        np.concatenate(
            [e.loss_SR for e in _events(cell("norm=pre", f"log_every={a}", f"eval_every={b}")) if isinstance(e, Steps)]
        )
        for a, b in ((1, 1), (6, 100))
    ]
    np.testing.assert_array_equal(*curves)


def test_it_learns(cell):
    end = _events(cell("norm=pre", "depth=4", "width=32", "steps=60", "batch_size=128"))[-1]
    assert (end.accuracy_val_R > 0.8).all()
    assert (end.loss_train_R < 0.7).all()


@given(st.integers(10, 60), st.integers(1, 10), st.integers(0, 50))
def test_batches_are_a_function_of_seed_and_step(samples, batch_size, step):
    def batch(seeds, *before):
        batches = Batches(samples, batch_size, seeds, torch.device("cpu"))
        for other in before:
            batches(other)
        return batches(step)

    alone = batch((3,))
    assert alone.shape == (1, batch_size)
    assert torch.equal(batch((1, 3, 2), 0, step + 40)[1], alone[0])
    assert len(set(alone[0].tolist())) == batch_size


def test_an_epoch_has_every_sample_once():
    batches = Batches(12, 4, (0, 1), torch.device("cpu"))
    epochs = [torch.cat([batches(step) for step in range(first, first + 3)], 1) for first in (0, 3)]
    for epoch in epochs:
        for row in epoch:
            assert sorted(row.tolist()) == [*range(12)]
    assert not torch.equal(*epochs)
    assert not torch.equal(epochs[0][0], epochs[0][1])


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 500))
def test_schedules_stay_between_their_ends(warmup, final, steps):
    for schedule in (Constant(warmup), Cosine(warmup, final)):
        factors = [schedule(step, steps) for step in range(steps)]
        assert all(0 <= f <= 1 for f in factors)
        ramp = factors[: round(warmup * steps)]
        assert ramp == sorted(ramp)


def test_schedules_by_hand():
    assert [Constant(0.5)(t, 4) for t in range(4)] == [0.5, 1.0, 1.0, 1.0]
    np.testing.assert_allclose([Cosine(0.0, 0.0)(t, 4) for t in range(4)], [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5])
    assert Cosine(0.0, 0.1)(10**6 - 1, 10**6) == pytest.approx(0.1)
