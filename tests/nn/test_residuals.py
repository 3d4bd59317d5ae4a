"""Residual schemes: combination, initialization and parameters."""

import math

import pytest
import torch
from torch import nn

from resexp.nn.block import BranchPosition
from resexp.nn.residuals.deepnorm import DeepNorm
from resexp.nn.residuals.layerscale import LayerScale
from resexp.nn.residuals.lns import LayerNormScaling
from resexp.nn.residuals.projection import Projection
from resexp.nn.residuals.rezero import ReZero
from resexp.nn.residuals.scaled import Scaled
from resexp.nn.residuals.skipinit import SkipInit

POSITION = BranchPosition(width=8, layer=4, branches=16)


@pytest.mark.parametrize("shape", [(5, 8), (5, 3, 8), (5, 8, 2, 3)])
def test_schemes_combine_by_their_formulas(shape):
    x, f = torch.randn(shape), torch.randn(shape)
    for scheme, expected in [
        (Scaled(POSITION), x + f / 4),
        (SkipInit(POSITION), x),
        (SkipInit(POSITION, start=0.5), x + f / 2),
        (ReZero(POSITION), x),
        (LayerScale(POSITION, start=0.1), x + 0.1 * f),
        (LayerNormScaling(POSITION), x + f),
        (DeepNorm(POSITION), 2 * x + f),
    ]:
        torch.testing.assert_close(scheme.combine(x, f), expected)
        assert torch.equal(scheme.enter(x), x / 2 if isinstance(scheme, LayerNormScaling) else x)
    projection = Projection(POSITION)
    nn.init.eye_(projection.skip.weight)
    nn.init.zeros_(projection.skip.bias)
    torch.testing.assert_close(projection.combine(x, f), x + f)


def test_layerscale_scales_features_not_pixels():
    scheme = LayerScale(POSITION)
    with torch.no_grad():
        scheme.gamma.copy_(torch.arange(8.0))
    f = torch.ones(5, 8, 2, 3)
    assert torch.equal(scheme.combine(torch.zeros_like(f), f)[0, :, 1, 2], torch.arange(8.0))


def _network(build_network, *overrides):
    return dict(build_network("depth=8", *overrides).named_parameters())


def test_deepnorm_shrinks_all_weights_of_a_branch_but_queries_and_keys(build_network):
    """8 layers of two branches: β = (4 · 16)^(−¼)."""
    overrides = ("model=transformer", "norm=post")
    plain, scaled = _network(build_network, *overrides), _network(build_network, *overrides, "residual=deepnorm")
    for name, weight in scaled.items():
        shrinks = "body" in name and name.endswith("weight") and not name.endswith(("q.weight", "k.weight"))
        torch.testing.assert_close(weight, plain[name] * (64**-0.25 if shrinks else 1))


def test_fixup_initializes_as_in_its_paper(build_network):
    """8 branches of two weights: the first times 8^(−½), the last and the head 0."""
    plain, fixup = _network(build_network), _network(build_network, "residual=fixup")
    for block in range(8):
        name = f"blocks.{block}.body."
        torch.testing.assert_close(fixup[f"{name}fc1.weight"], plain[f"{name}fc1.weight"] / math.sqrt(8))
        assert not fixup[f"{name}fc2.weight"].any()
        assert {f"{name}{m}.fixup_bias" for m in ("fc1", "activation", "fc2")} <= fixup.keys()
    assert not fixup["head.weight"].any()
    assert torch.equal(fixup["stem.weight"], plain["stem.weight"])


def test_fixup_adds_biases_before_linear_layers_and_activations(build_network):
    network = build_network("residual=fixup", "depth=1")
    block = network.blocks[0]
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.normal_()
    x, body, scheme = torch.randn(5, 16), block.body, block.residual
    inner = torch.relu(
        nn.functional.linear(x + body.fc1.fixup_bias, body.fc1.weight, body.fc1.bias) + body.activation.fixup_bias
    )
    f = nn.functional.linear(inner + body.fc2.fixup_bias, body.fc2.weight, body.fc2.bias)
    torch.testing.assert_close(block(x), x + scheme.scale * f + scheme.bias)


def test_rezero_has_one_scalar_per_layer_and_skipinit_one_per_branch(build_network):
    parameters = _network(build_network, "model=transformer", "residual=rezero")
    assert sum("alpha" in name for name in parameters) == 8
    assert sum("alpha" in n for n in _network(build_network, "model=transformer", "residual=skipinit")) == 16


@pytest.mark.parametrize(("scheme", "norm"), [("fixup", "none"), ("deepnorm", "post")])
def test_own_init_false_keeps_the_weights_of_the_initializer(build_network, scheme, norm):
    plain = _network(build_network, f"norm={norm}")
    network = _network(build_network, f"norm={norm}", f"residual={scheme}", "residual.own_init=false")
    for name, weight in plain.items():
        assert torch.equal(network[name], weight)
