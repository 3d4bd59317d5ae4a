"""The numbers of a replicate do not depend on its pack."""

import copy
import dataclasses
import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.build import block_config, build, factory, load_data, threads
from resexp.engine.events import End, State, Steps
from resexp.engine.loop import fit
from resexp.nn.initialize import initialize
from resexp.nn.initializers.he import He
from resexp.nn.models import Task


def run(cell, seeds, *, poison=None, through_state_at=None):
    """The curves, end and state of each seed; `through_state_at`: from that step on in another, freshly built pack."""
    data = load_data(cell)
    built = build(cell, seeds, data)
    if poison is not None:
        built.pack.weights_RP[seeds.index(poison)] = float("inf")
    with threads(cell.settings.threads):
        if through_state_at is None:
            events = [*fit(built)]
        else:
            calls, events = itertools.count(1), []
            for event in fit(built, due=lambda: next(calls) == through_state_at):
                if isinstance(event, State):
                    break
                events.append(event)
            built = build(cell, seeds, data)
            events += fit(built, State(event.step, copy.deepcopy(event.tensors)))
    assert isinstance(events[-1], End)
    steps = [event for event in events if isinstance(event, Steps)]
    loss, norm = (np.concatenate([getattr(e, name) for e in steps]) for name in ("loss_SR", "grad_norm_SR"))
    end = events[-1]
    states = [[tensor.numpy() for tensor in built.pack.state(r).values()] for r in range(len(seeds))]
    return {
        seed: (loss[:, r], norm[:, r], end.loss_train_R[r], end.accuracy_val_R[r], *states[r])
        for r, seed in enumerate(seeds)
    }


def assert_bitwise(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


ARMS = list(itertools.product(("none", "pre", "post"), ("on", "off")))


@pytest.mark.parametrize(("norm", "residual"), ARMS)
def test_packs_of_1_3_and_5_in_any_order_agree_bitwise(cell, norm, residual):
    small = cell(f"norm={norm}", f"residual={residual}", "depth=4", "steps=12", "clip=0.5")
    five = run(small, (0, 1, 2, 3, 4))
    for seeds in ((2,), (4, 2, 0), (3, 4, 0, 2, 1)):
        for seed, numbers in run(small, seeds).items():
            assert_bitwise(numbers, five[seed])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adamw"])
def test_threads_change_no_digit(cell, optimizer):
    results = [run(cell("norm=pre", f"optimizer={optimizer}", "width=64", f"threads={n}"), (0, 1, 2)) for n in (1, 2)]
    for seed in (0, 1, 2):
        assert_bitwise(results[0][seed], results[1][seed])


@pytest.mark.slow
def test_the_main_command_agrees_bitwise_over_100_steps(cell):
    main = cell("norm=pre", "depth=48", "width=64", "batch_size=128", "steps=100")
    five = run(main, (0, 1, 2, 3, 4))
    for seeds in ((1,), (4, 1, 3)):
        for seed, numbers in run(main, seeds).items():
            assert_bitwise(numbers, five[seed])


@pytest.mark.parametrize(("norm", "residual"), ARMS)
def test_vmap_agrees_with_the_plain_module(cell, norm, residual):
    packs = [
        run(cell(f"norm={norm}", f"residual={residual}", "steps=4", f"pack={m}"), (0, 1)) for m in ("vmap", "plain")
    ]
    for seed in (0, 1):
        for a, b in zip(packs[0][seed][:3], packs[1][seed][:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4)


def test_a_pack_is_plain_pytorch(cell):
    """Against nn.Module, cross_entropy and torch's AdamW as anybody would write them, in float64."""
    small = cell("norm=pre", "precision=float64", "steps=5", "seeds=[3]", "clip=1.0")
    data = load_data(small)
    parts = block_config(small)
    network = initialize(lambda: factory(small.options["model"])(parts, Task(data.shape, 10)), 3, He()).double()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0)
    built = build(small, (3,), data)
    from resexp.data.dataset import Batches

    batches = Batches(len(data.train), 32, (3,), torch.device("cpu"))
    losses = []
    for step in range(5):
        index = batches(step)[0]
        loss = F.cross_entropy(network(data.standardize(data.train.x[index])), data.train.y[index])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    mine = [e.loss_SR[:, 0] for e in fit(dataclasses.replace(built, data=data)) if isinstance(e, Steps)]
    np.testing.assert_allclose(np.concatenate(mine), losses, rtol=1e-10)


def test_a_replicate_that_is_not_finite_touches_no_other(cell):
    small = cell("norm=pre", "depth=4", "steps=8")
    alone, poisoned = run(small, (0, 1, 2)), run(small, (0, 1, 2), poison=1)
    assert not np.isfinite(poisoned[1][0]).any()
    for seed in (0, 2):
        assert_bitwise(alone[seed], poisoned[seed])


def test_a_wholly_non_finite_pack_stops_early(cell):
    small = cell("steps=100", "log_every=5")
    built = build(small, (0,), load_data(small))
    built.pack.weights_RP.fill_(float("nan"))
    events = [*fit(built)]
    assert events[-1].step == 5


def test_gradient_norms_are_torchs_and_do_not_overflow(cell):
    pack = build(cell(), (0, 1), load_data(cell())).pack
    pack.grads_RP[0] = torch.randn(pack.grads_RP.shape[1])
    pack.grads_RP[1] = 1e30
    expected = torch.stack([torch.linalg.vector_norm(row.double()) for row in pack.grads_RP])
    norms = pack.clip(2.0)
    torch.testing.assert_close(norms.double(), expected, rtol=1e-5, atol=0)
    clipped = torch.linalg.vector_norm(pack.grads_RP.double(), dim=1)
    torch.testing.assert_close(clipped, torch.full_like(clipped, 2.0), rtol=1e-5, atol=0)
    assert torch.equal(pack.clip(None), pack.clip(None))
