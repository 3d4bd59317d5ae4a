"""The results of a replicate do not depend on the pack it is trained in."""

import copy
import itertools

import numpy as np
import pytest

from resexp.build import build, cpu_threads, load_data
from resexp.engine.events import End, State, Steps
from resexp.engine.loop import fit


def run(cell, seeds, *, poison=None, resume_at=None):
    """Train a cell; return the curves, final metrics and final state of each seed.

    Args:
        cell: what to train.
        seeds: one replicate each.
        poison: the seed whose initial weights are infinite.
        resume_at: after this step, resume from the checkpoint in a new pack.

    """
    data = load_data(cell)
    training = build(cell, seeds, data)
    if poison is not None:
        training.pack.weights_RP[seeds.index(poison)] = float("inf")
    with cpu_threads(cell.settings.threads):
        if resume_at is None:
            events = [*fit(training)]
        else:
            steps, events = itertools.count(1), []
            for event in fit(training, should_checkpoint=lambda: next(steps) == resume_at):
                if isinstance(event, State):
                    break
                events.append(event)
            training = build(cell, seeds, data)
            events += fit(training, State(event.step, copy.deepcopy(event.tensors)))
    end = events[-1]
    assert isinstance(end, End)
    steps = [event for event in events if isinstance(event, Steps)]
    loss, norm = (np.concatenate([getattr(e, name) for e in steps]) for name in ("loss_SR", "grad_norm_SR"))
    states = [[tensor.numpy() for tensor in training.pack.state_dict(r).values()] for r in range(len(seeds))]
    return {
        seed: (loss[:, r], norm[:, r], end.loss_train_R[r], end.accuracy_val_R[r], *states[r])
        for r, seed in enumerate(seeds)
    }


def assert_bitwise(result, expected):
    for a, b in zip(result, expected, strict=True):
        np.testing.assert_array_equal(a, b)


ARMS = list(itertools.product(("none", "pre", "post"), ("on", "off")))


@pytest.mark.parametrize(("norm", "residual"), ARMS)
def test_packs_of_1_3_and_5_in_any_order_agree_bitwise(cell, norm, residual):
    small = cell(f"norm={norm}", f"residual={residual}", "depth=4", "steps=12", "clip=0.5")
    five = run(small, (0, 1, 2, 3, 4))
    for seeds in ((2,), (4, 2, 0), (3, 4, 0, 2, 1)):
        for seed, result in run(small, seeds).items():
            assert_bitwise(result, five[seed])


@pytest.mark.parametrize("optimizer", ["adamw", *(pytest.param(o, marks=pytest.mark.slow) for o in ("adam", "sgd"))])
def test_the_number_of_threads_does_not_change_results(cell, optimizer):
    one, two = (
        run(cell("norm=pre", f"optimizer={optimizer}", "width=64", f"threads={count}"), (0, 1, 2)) for count in (1, 2)
    )
    for seed in (0, 1, 2):
        assert_bitwise(one[seed], two[seed])


@pytest.mark.slow
def test_packs_of_the_main_command_agree_bitwise_over_100_steps(cell):
    main = cell("norm=pre", "depth=48", "width=64", "batch_size=128", "steps=100")
    five = run(main, (0, 1, 2, 3, 4))
    for seeds in ((1,), (4, 1, 3)):
        for seed, result in run(main, seeds).items():
            assert_bitwise(result, five[seed])


def test_a_nonfinite_replicate_does_not_affect_the_others(cell):
    small = cell("norm=pre", "depth=4", "steps=8")
    healthy, poisoned = run(small, (0, 1, 2)), run(small, (0, 1, 2), poison=1)
    assert not np.isfinite(poisoned[1][0]).any()
    for seed in (0, 2):
        assert_bitwise(healthy[seed], poisoned[seed])
