"""Initial weights: a function of (seed, name), with the documented variances."""

import math

import pytest
import torch
from torch import nn

from resexp.nn.block import BlockConfig, Placement
from resexp.nn.bodies.ffn import FeedForward
from resexp.nn.initialize import initialize
from resexp.nn.initializers.he import He
from resexp.nn.models import Task
from resexp.nn.models.mlp import MLP
from resexp.nn.residuals.on import IdentitySkip

NONE, PRE, POST = (
    Placement(pre=p, inner_post=False, post=q) for p, q in ((False, False), (True, False), (False, True))
)


def _network(seed=0, placement=NONE, width=64, depth=4, activation=nn.ReLU):
    config = BlockConfig(
        width=width,
        depth=depth,
        activation=activation,
        placement=placement,
        normalizer=nn.LayerNorm,
        residual=IdentitySkip,
        body=FeedForward,
    )
    return initialize(lambda: MLP(config, Task((8, 8), 10)), seed, He())


def test_arms_share_the_weights_of_the_same_name():
    weights = dict(_network(placement=NONE).named_parameters())
    for other in (_network(placement=PRE), _network(placement=POST), _network(depth=6)):
        shared = [name for name, p in other.named_parameters() if name in weights and p.shape == weights[name].shape]
        assert len(shared) >= len(weights)
        for name in shared:
            torch.testing.assert_close(weights[name], other.get_parameter(name), rtol=0, atol=0)


def test_seeds_give_different_weights_and_the_global_generator_does_not_advance():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second = _network(seed=0), _network(seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.equal(first.stem.weight, second.stem.weight)
    assert not torch.equal(first.blocks[0].body.fc1.weight, first.blocks[1].body.fc1.weight)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh])
def test_he_weights_have_their_variances(activation):
    """Within five standard errors, relative √(2/n) for the mean square of n normal values."""
    network = _network(width=256, depth=2, activation=activation)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.ndim == 2:
            gain = 2 if name.endswith("fc2.weight") else 1
            ratio = parameter.square().mean().item() * parameter.shape[1] / gain
            assert abs(ratio - 1) < 5 * math.sqrt(2 / parameter.numel()), name


def test_a_relu_branch_has_gain_1_forward_and_backward():
    """The mean of ln gain over ten blocks of width 512 is 0 within five standard errors and a bias of −5/(2n)."""
    gains = []
    for seed in range(10):
        body = _network(seed, width=512, depth=4).blocks[seed % 4].body
        x = torch.randn(256, 512, generator=torch.Generator().manual_seed(seed), requires_grad=True)
        y = body(x)
        (back,) = torch.autograd.grad(y, x, torch.randn(y.shape, generator=torch.Generator().manual_seed(99 + seed)))
        gains.append([(y.square().mean() / x.square().mean()).item(), back.square().mean().item()])
    log = torch.tensor(gains).log()
    error = log.std(0) / math.sqrt(len(log))
    assert (log.mean(0).abs() < 5 * error + 0.01).all(), log.mean(0)


def test_parameters_that_a_constructor_draws_depend_on_the_seed():
    class RandomScale(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(7))

    scales = [initialize(RandomScale, seed, He()).scale for seed in (3, 3, 4)]
    assert torch.equal(scales[0], scales[1])
    assert not torch.equal(scales[0], scales[2])


def _weights(build_network, *overrides, task=None):
    network = build_network("width=64", "depth=4", *overrides, task=task or Task((8, 8), 10))
    return {name: p for name, p in network.named_parameters() if name.endswith("weight")}


@pytest.mark.parametrize(
    ("init", "variance"),
    [
        ("lecun", lambda fan_in, fan_out: 1 / fan_in),
        ("xavier", lambda fan_in, fan_out: 2 / (fan_in + fan_out)),
        ("normal init.std=0.5", lambda fan_in, fan_out: 0.25),
        ("mean_field init.weight_variance=1.7", lambda fan_in, fan_out: 1.7 / fan_in),
    ],
)
@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_weights_have_the_documented_variances(build_network, init, variance, model):
    for name, weight in _weights(build_network, f"model={model}", *f"init={init}".split()).items():
        pixels = weight[0, 0].numel()
        expected = variance(weight.shape[1] * pixels, weight.shape[0] * pixels)
        assert abs(weight.square().mean().item() / expected - 1) < 5 * math.sqrt(2 / weight.numel()), name


def test_biases_have_their_variance_with_mean_field_and_are_0_otherwise(build_network):
    overrides = ("width=256", "depth=8", "init=mean_field", "init.bias_variance=0.09")
    biases = torch.cat([p for n, p in build_network(*overrides).named_parameters() if n.endswith("bias")])
    assert abs(biases.square().mean().item() / 0.09 - 1) < 5 * math.sqrt(2 / len(biases))
    assert not any(p.any() for n, p in build_network("init=orthogonal").named_parameters() if n.endswith("bias"))


def test_orthogonal_weights_are_orthogonal_up_to_their_gain(build_network):
    for name, weight in _weights(build_network, "init=orthogonal").items():
        matrix = weight if weight.shape[0] <= weight.shape[1] else weight.T
        gain = 2.0 if name.endswith("fc2.weight") else 1.0
        torch.testing.assert_close(matrix @ matrix.T, gain * torch.eye(len(matrix)), rtol=0, atol=1e-4)


def test_delta_orthogonal_convolutions_preserve_the_norm_of_images(build_network):
    network = build_network("model=conv", "width=32", "init=delta_orthogonal", "body=act_linear", "activation=identity")
    x = torch.randn(3, 32, 8, 8)
    for block in network.blocks:
        torch.testing.assert_close(block.body(x).norm(), math.sqrt(2) * x.norm())
