"""The blocks of networks of all sorts are found by structure or by name."""

import pytest
import torch
import torchvision
from torch import nn

from resexp.config.errors import InputError
from resexp.diagnostics.blocks import find_blocks
from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.suite import Suite

LIGHT = ("stream_rms", "stream_grad", "weight_grad", "query_grad", "update_ratio", "dead_fraction", "branch_skip")


def encoder():
    layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
    return nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)


def vision_transformer():
    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 3, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
    network = torchvision.models.VisionTransformer(**sizes)
    nn.init.normal_(network.heads.head.weight)  # 0 by default, so that no gradient would pass it
    return network


@pytest.mark.parametrize(
    ("make_probe", "count", "first", "last"),
    [
        (torchvision.models.resnet50, 16, "layer1.0", "layer4.2"),
        (torchvision.models.vit_b_16, 12, "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_11"),
        (vision_transformer, 3, "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_2"),
        (encoder, 3, "layers.0", "layers.2"),
        (
            lambda: nn.Sequential(nn.Linear(4, 8), *(nn.Sequential(nn.Linear(8, 8), nn.ReLU()) for _ in range(3))),
            3,
            "1",
            "3",
        ),
        (lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU()), 2, "0", "2"),
    ],
)
def test_blocks_are_found_by_structure(make_probe, count, first, last):
    with torch.device("meta"):
        blocks = find_blocks(make_probe())
    assert (len(blocks), blocks[0], blocks[-1]) == (count, first, last)


@pytest.mark.parametrize("depth", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(5, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "overrides",
    [
        ("model=mlp",),
        ("model=conv",),
        ("model=resnet",),
        ("model=transformer", "model.patch=4"),
        ("model=simplenet",),
        ("residual=projection",),
        ("body=linear_norm_act",),
    ],
    ids=" ".join,
)
def test_blocks_of_every_shipped_model_are_found(build_network, overrides, depth):
    blocks = find_blocks(build_network("norm=pre", *overrides, f"depth={depth}", "width=8"))
    per_layer, step = 2 if "model=transformer" in overrides else 1, 2 if "model=resnet" in overrides else 1
    assert blocks == [f"blocks.{i * step}" for i in range(depth * per_layer)]


def test_blocks_are_found_by_pattern():
    with torch.device("meta"):
        resnet = torchvision.models.resnet50()
    assert find_blocks(resnet, "layer4.*") == ["layer4.0", "layer4.1", "layer4.2"]
    assert len(find_blocks(resnet, "layer*.*.conv2")) == 16
    with pytest.raises(InputError, match=r"blocks=layers\.\*: the network has no module"):
        find_blocks(resnet, "layers.*")
    with pytest.raises(InputError, match="no repeated blocks"):
        find_blocks(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("make_probe", "shape", "layers"),
    [
        (torchvision.models.resnet50, (2, 3, 32, 32), 16),
        (vision_transformer, (2, 3, 32, 32), 3),
        (encoder, (2, 5, 16), 3),
    ],
)
def test_networks_of_others_are_measured_and_stay_unchanged(make_probe, shape, layers):
    torch.manual_seed(0)
    module = make_probe()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    y = torch.randint(8, shape[:2] if len(shape) == 3 else shape[:1])
    values = Suite(LIGHT, ())(probe_of(module, torch.randn(shape), y), expensive=False)
    assert values["stream_rms"].shape == values["stream_grad"].shape == (1, layers + 1)
    assert values["weight_grad"].shape == values["branch_skip"].shape == (1, layers)
    assert ("dead_fraction" in values) == (make_probe is not vision_transformer)  # it has GELUs
    assert ("query_grad" in values) == (make_probe is not torchvision.models.resnet50)
    for name in ("stream_rms", "stream_grad", "weight_grad"):
        assert (values[name] > 0).all()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert not module._forward_hooks
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())
