"""Dropout masks: their rate, and what they depend on."""

import math

import pytest
import torch

from resexp.nn.dropout import Dropout


def _dropout(seed, p):
    torch.manual_seed(seed)
    return Dropout(p)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_every_mask_has_rate_p_and_scales_the_rest_by_one_over_one_minus_p(p):
    layer, n = _dropout(0, p), 100_000
    for _ in range(5):
        out = layer(torch.ones(n))
        assert abs((out == 0).double().mean() - p) < 5 * math.sqrt(p * (1 - p) / n)
        torch.testing.assert_close(out[out != 0], torch.full_like(out[out != 0], 1 / (1 - p)))


def test_masks_of_steps_layers_and_neighboring_values_are_uncorrelated():
    """Within five standard errors, 1/√n for the correlation of n values."""
    n = 100_000
    first, second = _dropout(0, 0.5), _dropout(1, 0.5)
    masks = torch.stack([layer(torch.ones(n)) for layer in (first, first, second, second)]) - 1
    masks = torch.cat([masks, masks[:1].roll(1, 1), masks[:1].roll(64, 1)])
    correlations = torch.corrcoef(masks) - torch.eye(len(masks))
    assert correlations.abs().max() < 5 / math.sqrt(n)


def test_masks_depend_on_key_and_step_only_and_evaluation_changes_neither():
    layer, twin, x = _dropout(3, 0.5), _dropout(3, 0.5), torch.ones(50)
    torch.rand(7)
    first = layer(x)
    assert torch.equal(twin(x), first)
    layer.eval()
    assert torch.equal(layer(x), x)
    layer.train()
    assert torch.equal(layer(x), twin(x))
    assert not torch.equal(layer(x), first)
