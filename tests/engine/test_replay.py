"""A replayed stack computes what its blocks compute, and stays out of the way where it cannot."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import nn

from resexp.build import build, load_data
from resexp.engine.pack import Pack
from resexp.nn.init import Scheme

NORMS, SCHEMES = ("none", "pre", "post", "peri", "res-post"), ("on", "off", "scaled", "skipinit", "projection")


def backward(pack, data, *, replays=True):
    """Losses and gradients on the first samples, by traces or by the blocks as they are."""
    if not replays:
        pack._stacks, pack.lanes = [], [replace(lane, outer=lane.params) for lane in pack.lanes]
    index = torch.arange(len(pack) * 32).view(len(pack), 32)
    loss, accuracy = pack.backward(data.standardise(data.train.x[index]), data.train.y[index])
    return loss, accuracy, pack.grads_RP


@pytest.mark.parametrize(("norm", "residual"), [*itertools.product(NORMS, SCHEMES)])
@pytest.mark.parametrize("more", [("normalizer=rmsnorm", "activation=gelu"), ("body=linear_act", "activation=tanh")])
def test_losses_and_gradients_are_those_of_the_blocks(cell, norm, residual, more):
    small = cell(f"norm={norm}", f"residual={residual}", *more, "depth=5", "precision=float64", "width=12")
    data = load_data(small)
    replayed, plain = (build(small, (3, 1), data).pack for _ in range(2))
    for _ in range(2):  # the second time from its cache
        torch.testing.assert_close(backward(replayed, data), backward(plain, data, replays=False))
    (stack,) = replayed._stacks
    assert [len(programs) for programs in stack.programs.values()] == [5]


@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_a_transformers_two_kinds_of_blocks_have_a_trace_each(cell):
    small = cell("model=transformer", "model.patch=2", "norm=pre", "pack=vmap", "depth=4", "precision=float64")
    data = load_data(small)
    replayed, plain = (build(small, (0, 1), data).pack for _ in range(2))
    torch.testing.assert_close(backward(replayed, data), backward(plain, data, replays=False))
    assert replayed._stacks[0].kinds == [0, 1] * 4


@pytest.mark.parametrize("more", ["norm=pre", "normalizer=batchnorm", "body.dropout=0.1"])
def test_what_changes_its_buffers_is_not_replayed(cell, more):
    small = cell("norm=post", more, "depth=8")
    assert len(build(small, (0,), load_data(small)).pack._stacks) == (more == "norm=pre")


def test_blocks_that_differ_in_more_than_parameters_are_not_replayed(cell):
    small = cell("norm=pre", "residual=lns", "depth=8")
    assert not build(small, (0,), load_data(small)).pack._stacks


class Inside(nn.Module):
    """A block that writes over what it made."""

    def __init__(self):
        super().__init__()
        self.fc, self.relu = nn.Linear(6, 6), nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.fc(x))


class Constant(nn.Module):
    """A block with a constant of its own."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 6)

    def forward(self, x):
        return self.fc(x) * torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def _wraps(block):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.Sequential(*(block() for _ in range(4)))
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            return self.head(self.blocks(x))

    return Wrapped


class Small(Scheme):
    def weight(self, weight, beside_activation, generator):
        weight.normal_(0, 0.3, generator=generator)


@pytest.mark.parametrize(
    ("block", "is_replayed"), [(lambda: nn.Linear(6, 6), True), (Inside, False), (Constant, False)]
)
def test_a_network_of_ones_own(block, is_replayed):
    packs = [
        Pack(_wraps(block), Small(), (0, 1), device=torch.device("cpu"), dtype=torch.float32, vmapped=vmapped)
        for vmapped in (True, False)
    ]
    x, y = torch.randn(2, 9, 6), torch.randint(3, (2, 9))
    results = [(*pack.backward(x, y), pack.grads_RP) for pack in packs]
    torch.testing.assert_close(*results)
    (stack,) = packs[0]._stacks
    assert (stack.programs[(2, 9, 6), torch.float32, True] is not None) == is_replayed
    assert not packs[1]._stacks
