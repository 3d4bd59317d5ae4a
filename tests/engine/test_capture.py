"""What may differ the next time is not captured, and gradients agree with the plain module in either case."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from resexp.build import build, load_data
from resexp.engine.capture import ForwardBackward, record
from resexp.engine.operations import CaptureError
from resexp.engine.pack import Pack
from resexp.nn.initializers.he import He


class CustomNetwork(nn.Module):
    """A network whose forward pass can depend on more than tensors."""

    def __init__(self, behavior="pure"):
        super().__init__()
        self.behavior, self._calls, self.head, self.shapes = behavior, 0, nn.Linear(4, 3), []

    def forward(self, x):
        factor = 1.0
        if self.behavior == "counts calls":
            self._calls += 1
            factor = float(self._calls)
        if self.behavior == "appends to a list":
            self.shapes.append(x.shape)
            factor = float(len(self.shapes))
        if self.behavior == "draws from random":
            factor = random.random()
        if self.behavior == "draws from NumPy":
            factor = np.random.rand()
        if self.behavior == "branches on a value" and torch.ones(1).sum() > 0:
            factor = 2.0
        return self.head(x * factor)


@pytest.mark.parametrize(
    "behavior",
    ["counts calls", "appends to a list", "draws from random", "draws from NumPy", "branches on a value"],
)
def test_a_network_that_may_behave_differently_next_time_is_not_captured(behavior):
    network, x = CustomNetwork(behavior), torch.ones(2, 4)
    with pytest.raises(CaptureError):
        record(lambda: network(x), network, {}, (x, *network.parameters()))
    pure = CustomNetwork()
    assert record(lambda: pure(x), pure, {}, (x, *pure.parameters()))


@pytest.mark.parametrize("use", ["reads", "writes"])
def test_a_network_that_uses_an_unregistered_tensor_is_not_captured(use):
    network, x, age = nn.Identity(), torch.ones(2, 4), torch.zeros(())
    with pytest.raises(CaptureError):
        record(lambda: x + age if use == "reads" else age.add_(1), network, {}, (x,))


def test_conjugate_and_negative_views_are_not_captured():
    z = torch.ones(2, dtype=torch.complex64)
    for view in (lambda: z.conj() * 2, lambda: z.conj().imag * 2):
        with pytest.raises(CaptureError):
            record(view, nn.Identity(), {}, (z,))


@pytest.mark.parametrize("behavior", ["pure", "counts calls", "appends to a list", "branches on a value"])
def test_gradients_agree_with_the_plain_module_whether_captured_or_not(behavior):
    grads = []
    for vmapped in (True, False):
        pack = Pack(
            lambda: CustomNetwork(behavior),
            He(),
            (0,),
            device=torch.device("cpu"),
            dtype=torch.float64,
            vmapped=vmapped,
        )
        forward_backward = ForwardBackward(pack)
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(1, 8, 4, dtype=torch.float64, generator=generator)
            forward_backward(x, torch.arange(8)[None] % 3)
        grads.append(pack.grads_RP.clone())
    torch.testing.assert_close(*grads)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # attention under vmap
@pytest.mark.parametrize(
    "override", ["body.dropout=0.3", "normalizer=batchnorm", "normalizer=groupnorm", "model=transformer", "model=conv"]
)
def test_captured_steps_agree_with_the_plain_module(cell, override):
    """Buffers change, and the batches alternate between two sizes."""
    results = []
    for mode in ("vmap", "plain"):
        small = cell("norm=pre", override, "depth=2", "precision=float64", f"pack={mode}")
        data = load_data(small)
        pack = build(small, (0, 1), data).pack
        forward_backward = ForwardBackward(pack)
        for step in range(4):
            index = torch.arange(2 * (16 - step % 2 * 4)).view(2, -1) + 40 * step
            metrics = forward_backward(data.standardize(data.train.x[index]), data.train.y[index])
        results.append((pack.grads_RP, *metrics, *pack.buffers.values()))
    torch.testing.assert_close(*results, rtol=1e-7, atol=1e-10)
