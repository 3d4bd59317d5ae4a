"""Dropout's masks: their rate, and what they depend on."""

import math

import pytest
import torch

from resexp.nn.dropout import Dropout


def _dropout(seed, p):
    torch.manual_seed(seed)
    return Dropout(p)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_rate_is_p_in_every_mask_and_the_mean_stays(p):
    layer, n = _dropout(0, p), 100_000
    for _ in range(5):
        out = layer(torch.ones(n))
        assert abs((out == 0).double().mean() - p) < 5 * math.sqrt(p * (1 - p) / n)
        torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], 1 / (1 - p)))


def test_masks_of_steps_layers_and_neighbours_are_uncorrelated():
    """Correlations of n values have standard error 1/√n: five of them."""
    n = 100_000
    one, other = _dropout(0, 0.5), _dropout(1, 0.5)
    masks = torch.stack([one(torch.ones(n)), one(torch.ones(n)), other(torch.ones(n)), other(torch.ones(n))]) - 1
    masks = torch.cat([masks, masks[:1].roll(1, 1), masks[:1].roll(64, 1)])
    off = torch.corrcoef(masks) - torch.eye(len(masks))
    assert off.abs().max() < 5 / math.sqrt(n)


def test_a_mask_depends_on_key_and_step_alone_and_evaluation_leaves_both():
    one, other, x = _dropout(3, 0.5), _dropout(3, 0.5), torch.ones(50)
    torch.rand(7)
    first = one(x)
    assert torch.equal(other(x), first)
    one.eval()
    assert torch.equal(one(x), x)
    one.train()
    assert torch.equal(one(x), other(x))
    assert not torch.equal(one(x), first)
