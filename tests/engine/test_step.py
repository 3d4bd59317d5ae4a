"""The training step: agreement with plain PyTorch, gradient clipping."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.build import block_config, build, factory, load_data
from resexp.data.dataset import Batches
from resexp.engine.events import Steps
from resexp.engine.loop import fit
from resexp.engine.step import clip_gradients
from resexp.nn.initialize import initialize
from resexp.nn.initializers.he import He
from resexp.nn.models import Task
from tests.engine.test_pack import ARMS, run


@pytest.mark.parametrize(("norm", "residual"), ARMS)
def test_vmapped_and_plain_packs_agree(cell, norm, residual):
    vmapped, plain = (
        run(cell(f"norm={norm}", f"residual={residual}", "steps=4", f"pack={mode}"), (0, 1))
        for mode in ("vmap", "plain")
    )
    for seed in (0, 1):
        for a, b in zip(vmapped[seed][:3], plain[seed][:3], strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4)


def test_a_pack_agrees_with_a_plain_pytorch_loop(cell):
    """In float64, compared with nn.Module, cross_entropy, clip_grad_norm_ and AdamW of torch."""
    small = cell("norm=pre", "precision=float64", "steps=5", "seeds=[3]", "clip=1.0")
    data = load_data(small)
    config = block_config(small)
    network = initialize(lambda: factory(small.options["model"])(config, Task(data.shape, 10)), 3, He()).double()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0)
    training = build(small, (3,), data)
    batches = Batches(len(data.train), 32, (3,), torch.device("cpu"))
    expected = []
    for step in range(5):
        index = batches(step)[0]
        loss = F.cross_entropy(network(data.standardize(data.train.x[index])), data.train.y[index])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        expected.append(loss.item())
    losses = [e.loss_SR[:, 0] for e in fit(dataclasses.replace(training, data=data)) if isinstance(e, Steps)]
    np.testing.assert_allclose(np.concatenate(losses), expected, rtol=1e-10)


def test_gradient_norms_agree_with_float64_and_do_not_overflow(cell):
    pack = build(cell(), (0, 1), load_data(cell())).pack
    pack.grads_RP[0] = torch.randn(pack.grads_RP.shape[1])
    pack.grads_RP[1] = 1e30
    expected = torch.linalg.vector_norm(pack.grads_RP.double(), dim=1)
    torch.testing.assert_close(clip_gradients(pack, 2.0).double(), expected, rtol=1e-5, atol=0)
    clipped = torch.linalg.vector_norm(pack.grads_RP.double(), dim=1)
    torch.testing.assert_close(clipped, torch.full_like(clipped, 2.0), rtol=1e-5, atol=0)
    assert torch.equal(clip_gradients(pack, None), clip_gradients(pack, None))
