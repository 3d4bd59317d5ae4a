"""What is recorded once does, whenever it is repeated, what running it would."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from resexp.build import build, load_data
from resexp.engine.pack import Pack
from resexp.engine.recording import UnrepeatableError, record
from resexp.engine.rewrites import simplified
from resexp.engine.tape import Tape
from resexp.nn.initializers.he import He

STEPS = {
    "add": lambda a, b: a + b,
    "product": lambda a, b: a @ b,
    "times": lambda a, b: a * b,
    "once": lambda a, b: torch.ops.aten.mul.Scalar(a, 1),
    "turned": lambda a, b: a.mT,
    "rows": lambda a, b: a[:, :1] - b,
    "relu": lambda a, b: a.relu(),
    "over": lambda a, b: a.add_(b.mT.clone()),
    "mean": lambda a, b: a.mean(1, keepdim=True) + b,
    "norm": lambda a, b: nn.functional.layer_norm(a, (3,)),
    "shape": lambda a, b: a.reshape(2, 9).view(2, 3, 3),
    "square": lambda a, b: a * a.mT,
}
PROGRAM = st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 9), st.integers(0, 9)), max_size=14)


def values(seed):
    return torch.randn(3, 2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@given(PROGRAM)
def test_repeating_is_running(program):
    x, out, kept = values(0), values(0), values(7)

    def run():
        stack = list(x.clone())
        for name, first, second in program:
            stack.append(STEPS[name](stack[-1 - first % len(stack)], stack[-1 - second % len(stack)]))
        out.copy_(torch.stack([stack[-1], stack[len(stack) // 2], kept[0]]))
        kept[0].mul_(0.5).add_(stack[-1])

    tape = Tape(simplified(ops := record(run, nn.Identity(), {"kept": kept})))
    del ops
    assert torch.equal(kept, values(7))
    for seed in (1, 2):
        x.copy_(values(seed))
        before = kept.clone()
        run()
        expected = out.clone(), kept.clone()
        kept.copy_(before)
        tape()
        torch.testing.assert_close((out, kept), expected, rtol=1e-9, atol=1e-9, equal_nan=True)


class Own(nn.Module):
    """A network whose code looks at something else than tensors."""

    def __init__(self, kind="plain"):
        super().__init__()
        self.kind, self._calls, self.head, self.seen = kind, 0, nn.Linear(4, 3), []

    def forward(self, x):
        factor = 1.0
        if self.kind == "counts":
            self._calls += 1
            factor = float(self._calls)
        if self.kind == "remembers":
            self.seen.append(x.shape)
            factor = float(len(self.seen))
        if self.kind == "draws":
            factor = random.random()
        if self.kind == "draws with numpy":
            factor = np.random.rand()
        if self.kind == "reads" and torch.ones(1).sum() > 0:
            factor = 2.0
        return self.head(x * factor)


KINDS = ("counts", "remembers", "draws", "draws with numpy", "reads")


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_otherwise_next_time_is_not_repeated(kind):
    network, x = Own(kind), torch.ones(2, 4)
    with pytest.raises(UnrepeatableError):
        record(lambda: network(x), network, {})
    assert record(lambda: Own()(x), network, {})


@pytest.mark.parametrize("kind", ["plain", "counts", "remembers", "reads"])
def test_a_network_with_code_of_any_kind_trains_as_the_plain_module_does(kind):
    grads = []
    for vmapped in (True, False):
        cpu = torch.device("cpu")
        pack = Pack(lambda: Own(kind), He(), (0,), device=cpu, dtype=torch.float64, vmapped=vmapped)
        for seed in range(3):
            generator = torch.Generator().manual_seed(seed)
            x = torch.randn(1, 8, 4, dtype=torch.float64, generator=generator)
            pack.backward(x, torch.arange(8)[None] % 3)
        grads.append(pack.grads_RP.clone())
    torch.testing.assert_close(*grads)


@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of attention under vmap
@pytest.mark.parametrize(
    "choice", ["body.dropout=0.3", "normalizer=batchnorm", "normalizer=groupnorm", "model=transformer", "model=conv"]
)
def test_a_recorded_step_agrees_with_the_plain_module(cell, choice):
    """Also where buffers change, and on batches of two sizes in turn."""
    packs = []
    for mode in ("vmap", "plain"):
        small = cell("norm=pre", choice, "depth=2", "precision=float64", f"pack={mode}")
        data = load_data(small)
        pack = build(small, (0, 1), data).pack
        for step in range(4):
            index = torch.arange(2 * (16 - step % 2 * 4)).view(2, -1) + 40 * step
            measured = pack.backward(data.standardize(data.train.x[index]), data.train.y[index])
        packs.append((pack.grads_RP, *measured, *pack.buffers.values()))
    torch.testing.assert_close(*packs, rtol=1e-7, atol=1e-10)
