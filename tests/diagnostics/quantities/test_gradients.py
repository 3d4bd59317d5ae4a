"""Gradient norms agree with backward() of the network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.gradients import query_grad, stream_grad, value_grad, weight_grad
from tests.diagnostics.helpers import assert_close, streams_of


def head_loss(network, h, probe):
    return F.cross_entropy(network.head(network.final(h)), probe.y)


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_gradients_of_the_streams_and_weights(make_probe, norm):
    network, probe = make_probe(f"norm={norm}")
    streams = streams_of(network, probe)
    for h in streams:
        h.retain_grad()
    head_loss(network, streams[-1], probe).backward()
    assert_close(stream_grad(probe)[0], [h.grad.norm() for h in streams])
    weights = [[block.body.fc1.weight.grad, block.body.fc2.weight.grad] for block in network.blocks]
    assert_close(weight_grad(probe)[0], [np.sqrt(sum(float(g.square().sum()) for g in both)) for both in weights])
    assert probe.params["blocks.0.body.fc1.weight"].grad is None


def test_gradients_of_query_and_value_weights(make_probe):
    network, probe = make_probe("model=transformer", "model.patch=2")
    F.cross_entropy(network(probe.x), probe.y).backward()
    for measure, name in ((query_grad, "q"), (value_grad, "v")):
        layers = [getattr(block.body, name, None) for block in network.blocks]
        expected = [np.nan if layer is None else layer.weight.grad.norm() for layer in layers]
        assert_close(measure(probe)[0], expected)


def test_the_value_gradient_of_an_in_projection_is_that_of_its_last_third():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, dtype=torch.float64)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
    x, y = torch.randn(2, 5, 8, dtype=torch.float64), torch.randint(8, (2, 5))
    F.cross_entropy(encoder(x).flatten(0, 1), y.flatten()).backward()
    expected = [layer.self_attn.in_proj_weight.grad[16:].norm() for layer in encoder.layers]
    assert_close(value_grad(probe_of(encoder, x, y))[0], expected)
