"""The events of the training loop."""

import numpy as np
import pytest

from resexp.build import build, load_data
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
