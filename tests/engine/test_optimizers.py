"""Optimizers against a plain PyTorch loop, learning-rate schedules, and Adam's preconditioner."""

import functools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from resexp.build import build, load_data
from resexp.config.errors import InputError
from resexp.engine.events import End
from resexp.engine.loop import fit
from resexp.engine.optimizers import Constant, Cosine
from tests.engine.own_optimizers import AssignsData, DecaysItsScale, ElementwiseSGD, LayerwiseAdamW, NormalizedSGD
from tests.engine.plain_loop import train_plainly
from tests.engine.test_pack import assert_bitwise, run


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
    assert training.optimizer.preconditioner() is None
    events = [*fit(training)]
    assert isinstance(events[-1], End)
    divisors_RP = training.optimizer.preconditioner()
    if name == "sgd":
        assert divisors_RP is None
        return
    second_moment, *_ = (state["exp_avg_sq"] for state in training.optimizer.optimizers[0].state.values())
    torch.testing.assert_close(divisors_RP[0], (second_moment / (1 - 0.999**2)).sqrt() + 1e-8)


FAST = (NormalizedSGD, DecaysItsScale)
SLOW_NAMES = (
    "AdamW", "Adafactor", "ASGD", "Adadelta", "Adagrad", "Adam", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD",
)  # fmt: skip
SLOW = (ElementwiseSGD, LayerwiseAdamW, *(getattr(torch.optim, name) for name in SLOW_NAMES))
OPTIMIZERS = [*FAST, *(pytest.param(cls, marks=pytest.mark.slow) for cls in SLOW)]


def train_with(cell, cls, *overrides):
    """Return a small cell and its optimizer class, given as users give it."""
    target = f"{cls.__module__}.{cls.__name__}"
    return cell("norm=pre", f"optimizer._target_={target}", "optimizer.lr=0.01", "width=8", *overrides)


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_optimizers_agree_with_a_plain_loop_in_every_pack_and_after_resuming(cell, cls):
    small = train_with(cell, cls)
    for seeds in ((0,), (2, 1), (0, 1, 2)):
        pack, resumed = run(small, seeds), run(small, seeds, resume_at=3)
        for seed in seeds:
            losses, network = train_plainly(small, seed, functools.partial(cls, lr=0.01))
            np.testing.assert_allclose(pack[seed][0], losses, rtol=1e-4)
            for weights, parameter in zip(pack[seed][4:], network.parameters(), strict=True):
                np.testing.assert_allclose(weights, parameter.detach().numpy(), rtol=1e-3, atol=1e-5)
            assert_bitwise(pack[seed], resumed[seed])


@pytest.mark.parametrize(
    ("cls", "reason"),
    [
        (AssignsData, "AssignsData assigns p.data instead of updating p in place"),
        (torch.optim.LBFGS, "LBFGS cannot make a step .*closure"),
        (torch.optim.SparseAdam, "SparseAdam cannot make a step .*dense gradients"),
        (torch.optim.Muon, "Muon only supports 2D parameters"),
    ],
)
def test_optimizers_that_cannot_train_a_pack_are_refused_before_training(cell, cls, reason):
    small = train_with(cell, cls)
    with pytest.raises(InputError, match=reason):
        build(small, (0, 1), load_data(small))
