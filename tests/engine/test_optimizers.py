"""Learning-rate schedules and Adam's preconditioner."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.engine.events import End
from resexp.engine.loop import fit
from resexp.engine.optimizers import Constant, Cosine, preconditioner


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 500))
def test_schedules_stay_between_0_and_1_and_warm_up_monotonically(warmup, final, steps):
    for schedule in (Constant(warmup), Cosine(warmup, final)):
        factors = [schedule(step, steps) for step in range(steps)]
        assert all(0 <= f <= 1 for f in factors)
        ramp = factors[: round(warmup * steps)]
        assert ramp == sorted(ramp)


def test_schedules_agree_with_values_by_hand():
    assert [Constant(0.5)(t, 4) for t in range(4)] == [0.5, 1.0, 1.0, 1.0]
    np.testing.assert_allclose([Cosine(0.0, 0.0)(t, 4) for t in range(4)], [1, 0.5 + 0.5**1.5, 0.5, 0.5 - 0.5**1.5])
    assert Cosine(0.0, 0.1)(10**6 - 1, 10**6) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_the_preconditioner_is_what_adam_divides_by(cell, name):
    small = cell(f"optimizer={name}", "steps=2", "seeds=2")
    training = build(small, small.settings.seed_list, load_data(small))
    assert preconditioner(training.optimizer) is None
    events = [*fit(training)]
    assert isinstance(events[-1], End)
    divisors_RP = preconditioner(training.optimizer)
    if name == "sgd":
        assert divisors_RP is None
        return
    second_moment, *_ = (state["exp_avg_sq"] for state in training.optimizer.state.values())
    torch.testing.assert_close(divisors_RP[0], (second_moment / (1 - 0.999**2)).sqrt() + 1e-8)
