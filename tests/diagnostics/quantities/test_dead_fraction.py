"""The share of dead ReLUs."""

import torch

from resexp.diagnostics.quantities.dead_fraction import dead_fraction
from tests.diagnostics.helpers import assert_close


def test_dead_fraction_counts_units_with_negative_biases(make_probe):
    network, probe = make_probe()
    with torch.no_grad():
        for number, block in enumerate(network.blocks):
            block.body.fc1.weight.mul_(1e-3)
            block.body.fc1.bias[:] = 1.0
            block.body.fc1.bias[: 2 * number] = -1.0
    assert_close(dead_fraction(probe)[0], [0.0, 0.25, 0.5])
    assert dead_fraction(make_probe("activation=tanh")[1]) is None
