"""The events of the training loop, and the order of batches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.data.dataset import Batches
from resexp.engine.events import End, Steps, Validation
from resexp.engine.loop import fit


def events_of(cell):
    return [*fit(build(cell, cell.settings.seed_list, load_data(cell)))]


@pytest.mark.parametrize(("steps", "log_every", "eval_every"), [(7, 3, 2), (6, 2, 50), (1, 10, 1), (5, 1, 5)])
def test_each_step_is_reported_once(cell, steps, log_every, eval_every):
    events = events_of(cell(f"steps={steps}", f"log_every={log_every}", f"eval_every={eval_every}"))
    reported = [e.first + i for e in events if isinstance(e, Steps) for i in range(len(e.lr_S))]
    assert reported == [*range(steps)]
    assert [e.step for e in events if isinstance(e, Validation)] == [*range(0, steps, eval_every)]
    assert isinstance(events[-1], End)
    assert events[-1].step == steps


def test_logging_and_validation_do_not_change_training(cell):
    often, rarely = (
        events_of(cell("norm=pre", f"log_every={log}", f"eval_every={evaluation}"))
        for log, evaluation in ((1, 1), (6, 100))
    )
    losses = [np.concatenate([e.loss_SR for e in events if isinstance(e, Steps)]) for events in (often, rarely)]
    np.testing.assert_array_equal(*losses)


def test_training_reaches_a_low_loss(cell):
    end = events_of(cell("norm=pre", "depth=4", "width=32", "steps=60", "batch_size=128"))[-1]
    assert (end.accuracy_val_R > 0.8).all()
    assert (end.loss_train_R < 0.7).all()


def test_training_stops_once_no_replicate_is_finite(cell):
    small = cell("steps=100", "log_every=5")
    training = build(small, (0,), load_data(small))
    training.pack.weights_RP.fill_(float("nan"))
    events = [*fit(training)]
    assert events[-1].step == 5


@given(st.integers(10, 60), st.integers(1, 10), st.integers(0, 50))
def test_batches_depend_only_on_seed_and_step(samples, batch_size, step):
    def batch(seeds, *earlier_steps):
        batches = Batches(samples, batch_size, seeds, torch.device("cpu"))
        for earlier in earlier_steps:
            batches(earlier)
        return batches(step)

    alone = batch((3,))
    assert alone.shape == (1, batch_size)
    assert torch.equal(batch((1, 3, 2), 0, step + 40)[1], alone[0])
    assert len(set(alone[0].tolist())) == batch_size


def test_each_epoch_is_a_new_permutation_of_all_samples():
    batches = Batches(12, 4, (0, 1), torch.device("cpu"))
    epochs = [torch.cat([batches(step) for step in range(first, first + 3)], 1) for first in (0, 3)]
    for epoch in epochs:
        for row in epoch:
            assert sorted(row.tolist()) == [*range(12)]
    assert not torch.equal(*epochs)
    assert not torch.equal(epochs[0][0], epochs[0][1])
