"""Models: shapes, numbers of parameters, and equality with plain PyTorch."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from resexp.config.errors import InputError
from resexp.nn.models import Task

D, L, CLASSES = 16, 3, 10
LINEAR = D * (D + 1)
CONVOLUTION = D * (9 * D + 1)
NORM = 2 * D

OUTSIDE = {  # parameters of stem and head on 8×8 images
    "mlp": D * 65 + CLASSES * (D + 1),
    "conv": D * 10 + CLASSES * (D + 1),
    "simplenet": D * 65 + CLASSES * (D + 1),
    "transformer": 4 * D + D * 17 + CLASSES * (D + 1),
}
BRANCHES = {  # parameters of the branches of a layer
    "mlp": [2 * LINEAR],
    "conv": [2 * CONVOLUTION],
    "simplenet": [LINEAR],
    "transformer": [4 * LINEAR, 2 * LINEAR],
}
NORMS = {"none": (0, 0), "pre": (1, 1), "post": (1, 0), "peri": (2, 1), "res-post": (1, 1)}
"""Norms per branch, and before the head."""
SCHEMES = {"off": 0, "on": 0, "scaled": 0, "skipinit": 1, "projection": LINEAR, "layerscale": D}


@pytest.mark.parametrize("model", OUTSIDE)
@pytest.mark.parametrize(
    ("norm", "residual"),
    [pytest.param(*p, marks=[] if p[1] == "on" else pytest.mark.slow) for p in itertools.product(NORMS, SCHEMES)],
)
def test_the_number_of_parameters_is_as_documented(build_network, model, norm, residual):
    if model == "simplenet" and norm not in ("none", "pre"):
        pytest.skip("simplenet has one point for a norm")
    network = build_network(f"model={model}", f"norm={norm}", f"residual={residual}", f"depth={L}")
    per_branch, before_head = NORMS[norm]
    inside = sum(branch + SCHEMES[residual] + per_branch * NORM for branch in BRANCHES[model])
    final = 0 if model == "simplenet" else before_head * NORM
    assert sum(p.numel() for p in network.parameters()) == OUTSIDE[model] + L * inside + final


@pytest.mark.parametrize("depth", [3, 9, 18])
def test_resnet_is_that_of_he_2015(build_network, depth):
    """6n + 2 weight layers, and 0.27 M parameters with 20 layers: table 6 of the paper."""
    network = build_network(
        "model=resnet", "norm=res-post", "normalizer=batchnorm", f"depth={depth}", task=Task((3, 32, 32), 10)
    )
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 6 * (depth // 3) + 2
    if depth == 9:
        assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == 0.27
    shapes = []
    for module in network.blocks:
        module.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    n = 2 * depth // 3
    assert shapes == [(16, 32, 32)] * n + [(32, 16, 16)] * n + [(64, 8, 8)] * n


@pytest.mark.parametrize("norm", ["none", "pre", "post"])
def test_conv_equals_plain_pytorch(build_network, norm):
    network = build_network("model=conv", f"norm={norm}", "depth=2")
    x = torch.randn(4, 8, 8)
    u = network.stem(x[:, None])
    for block in network.blocks:
        f = block.body.fc2(torch.relu(block.body.fc1(block.pre(u) if norm == "pre" else u)))
        u = block.post(u + f) if norm == "post" else u + f
    u = network.final(u) if norm == "pre" else u
    torch.testing.assert_close(network(x), network.head(u.mean((2, 3))))


def test_the_transformer_on_tokens_is_causal(build_network):
    network = build_network("model=transformer", "norm=pre", task=Task((12,), 7, is_tokens=True))
    x = torch.randint(7, (3, 12))
    changed = x.clone()
    changed[:, 8:] = (changed[:, 8:] + 1) % 7
    before, after = network(x), network(changed)
    assert before.shape == (3, 12, 7)
    torch.testing.assert_close(before[:, :8], after[:, :8])
    assert not torch.allclose(before[:, 8:], after[:, 8:])
    assert network.head.weight is network.embed.weight


def test_pre_norm_attention_equals_multihead_attention_of_torch(build_network):
    network = build_network("model=transformer", "norm=pre", "depth=1", task=Task((12,), 7, is_tokens=True)).double()
    block, reference = network.blocks[0], nn.MultiheadAttention(16, 4, batch_first=True).double()
    body = block.body
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([body.q.weight, body.k.weight, body.v.weight]))
        reference.in_proj_bias.copy_(torch.cat([body.q.bias, body.k.bias, body.v.bias]))
        reference.out_proj.load_state_dict(body.out.state_dict())
    x = torch.randn(3, 12, 16, dtype=torch.float64)
    u = F.layer_norm(x, (16,))
    mask = torch.full((12, 12), -torch.inf, dtype=torch.float64).triu(1)
    torch.testing.assert_close(block(x), x + reference(u, u, u, attn_mask=mask, need_weights=False)[0])


def test_the_transformer_on_patches_depends_on_every_pixel(build_network):
    network = build_network("model=transformer", "model.patch=2")
    x = torch.randn(2, 8, 8, requires_grad=True)
    network(x).sum().backward()
    assert (x.grad != 0).all()


@pytest.mark.parametrize("shape", [(40,), (64, 40), (8, 8), (3, 32, 32)])
@pytest.mark.parametrize("model", ["mlp", "conv", "resnet", "transformer", "simplenet"])
def test_every_model_accepts_samples_of_every_shape(build_network, model, shape):
    network = build_network(f"model={model}", "depth=3", task=Task(shape, 5))
    assert network(torch.randn(2, *shape)).shape == (2, 5)


@pytest.mark.parametrize(
    ("override", "message"),
    [("model.patch=3", "does not divide samples of 8 × 8"), ("model.heads=5", "does not divide")],
)
def test_heads_and_patches_that_do_not_divide_are_refused(build_network, override, message):
    with pytest.raises(InputError, match=message):
        build_network("model=transformer", override)


def test_simplenet_at_depth_1_is_the_network_of_the_article(build_network):
    network = build_network("model=simplenet", "norm=pre", "depth=1", "width=256", task=Task((28, 28), 10))
    x = torch.randn(4, 28, 28)
    block = network.blocks[0]
    h = torch.relu(F.layer_norm(network.stem(x.flatten(1)), (256,)))
    torch.testing.assert_close(network(x), network.head(h + block.body(h)))
