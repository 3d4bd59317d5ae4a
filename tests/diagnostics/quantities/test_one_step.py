"""The change of the output in a step of gradient descent."""

import torch.nn.functional as F
from torch.func import functional_call

from resexp.diagnostics.quantities.one_step import one_step
from tests.diagnostics.helpers import assert_close


def test_one_step_agrees_with_a_step_of_gradient_descent(make_probe):
    network, probe = make_probe(lr=0.1)
    before = network(probe.x)
    F.cross_entropy(before, probe.y).backward()
    moved = {name: p - 0.1 * p.grad for name, p in network.named_parameters()}
    expected = (functional_call(network, moved, (probe.x,)) - before).square().mean().sqrt() / 0.1
    assert_close(one_step(probe), [expected.item()], rtol=1e-7)
