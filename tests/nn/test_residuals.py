"""The residual schemes: their combination, what they do to initial weights, and their parameters."""

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

SITE = BranchPosition(width=8, layer=4, branches=16)


@pytest.mark.parametrize("shape", [(5, 8), (5, 3, 8), (5, 8, 2, 3)])
def test_the_combinations(shape):
    x, f = torch.randn(shape), torch.randn(shape)
    for scheme, expected in [
        (Scaled(SITE), x + f / 4),
        (SkipInit(SITE), x),
        (SkipInit(SITE, start=0.5), x + f / 2),
        (ReZero(SITE), x),
        (LayerScale(SITE, start=0.1), x + 0.1 * f),
        (LayerNormScaling(SITE), x + f),
        (DeepNorm(SITE), 2 * x + f),
    ]:
        torch.testing.assert_close(scheme.combine(x, f), expected)
        assert torch.equal(scheme.enter(x), x / 2 if isinstance(scheme, LayerNormScaling) else x)
    projection = Projection(SITE)
    nn.init.eye_(projection.skip.weight)
    nn.init.zeros_(projection.skip.bias)
    torch.testing.assert_close(projection.combine(x, f), x + f)


def test_a_vector_scales_features_and_not_places():
    scheme = LayerScale(SITE)
    with torch.no_grad():
        scheme.gamma.copy_(torch.arange(8.0))
    f = torch.ones(5, 8, 2, 3)
    assert torch.equal(scheme.combine(torch.zeros_like(f), f)[0, :, 1, 2], torch.arange(8.0))


def _network(build_network, *overrides):
    return dict(build_network("depth=8", *overrides).named_parameters())


def test_deepnorm_shrinks_the_signal_path_alone(build_network):
    """Of 8 layers with two branches each: β = (4 · 16)^(−¼)."""
    given = ("model=transformer", "norm=post")
    plain, deep = _network(build_network, *given), _network(build_network, *given, "residual=deepnorm")
    for name, weight in deep.items():
        shrinks = "body" in name and name.endswith("weight") and not name.endswith(("q.weight", "k.weight"))
        torch.testing.assert_close(weight, plain[name] * (64**-0.25 if shrinks else 1))


def test_fixup_starts_as_its_paper_says(build_network):
    """8 branches of two weights: the first × 8^(−½), the last and the head 0."""
    plain, fixed = _network(build_network), _network(build_network, "residual=fixup")
    for block in range(8):
        name = f"blocks.{block}.body."
        torch.testing.assert_close(fixed[f"{name}fc1.weight"], plain[f"{name}fc1.weight"] / math.sqrt(8))
        assert not fixed[f"{name}fc2.weight"].any()
        assert {f"{name}{m}.fixup_bias" for m in ("fc1", "activation", "fc2")} <= fixed.keys()
    assert not fixed["head.weight"].any()
    assert torch.equal(fixed["stem.weight"], plain["stem.weight"])


def test_fixups_biases_stand_before_the_layers(build_network):
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


def test_rezero_has_one_scalar_a_layer_and_a_tied_head_is_not_zeroed(build_network):
    parameters = _network(build_network, "model=transformer", "residual=rezero")
    assert sum("alpha" in name for name in parameters) == 8
    assert sum("alpha" in n for n in _network(build_network, "model=transformer", "residual=skipinit")) == 16


@pytest.mark.parametrize(("scheme", "norm"), [("fixup", "none"), ("deepnorm", "post")])
def test_a_scheme_that_brings_its_own_initialization_can_be_told_not_to(build_network, scheme, norm):
    plain = _network(build_network, f"norm={norm}")
    kept = _network(build_network, f"norm={norm}", f"residual={scheme}", "residual.own_init=false")
    for name, weight in plain.items():
        assert torch.equal(kept[name], weight)
