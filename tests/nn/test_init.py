"""Initial weights are a function of (seed, name), with the variance of their place."""

import math

import pytest
import torch
from torch import nn

from resexp.nn.block import Placement, Recipe
from resexp.nn.init import He, initialise
from resexp.nn.network import MLP
from resexp.nn.residuals.on import Identity

NONE, PRE, POST = (
    Placement(pre=p, inner_post=False, post=q) for p, q in ((False, False), (True, False), (False, True))
)


def _network(seed=0, placement=NONE, width=64, depth=4, activation=nn.ReLU):
    recipe = Recipe(
        width=width, depth=depth, activation=activation, placement=placement, normalizer=nn.LayerNorm, residual=Identity
    )
    return initialise(lambda: MLP(recipe, (8, 8), 10), seed, He())


def test_arms_share_their_weights():
    one = dict(_network(placement=NONE).named_parameters())
    for other in (_network(placement=PRE), _network(placement=POST), _network(depth=6)):
        shared = [name for name, p in other.named_parameters() if name in one and p.shape == one[name].shape]
        assert len(shared) >= len(one)
        for name in shared:
            torch.testing.assert_close(one[name], other.get_parameter(name), rtol=0, atol=0)


def test_seeds_differ_and_the_global_generator_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first, second = _network(seed=0), _network(seed=1)
    assert torch.equal(torch.rand(3), expected)
    assert not torch.equal(first.stem.weight, second.stem.weight)
    assert not torch.equal(first.blocks[0].body.fc1.weight, first.blocks[1].body.fc1.weight)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.Tanh])
def test_the_variances_are_hes(activation):
    """The mean square of n normal values has relative standard error √(2/n): five of them."""
    network = _network(width=256, depth=2, activation=activation)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif parameter.ndim == 2:
            gain = 2 if name.endswith("fc2.weight") else 1
            ratio = parameter.square().mean().item() * parameter.shape[1] / gain
            assert abs(ratio - 1) < 5 * math.sqrt(2 / parameter.numel()), name


def test_a_relu_branch_has_gain_one_forward_and_backward():
    """Ten blocks of width 512: mean of ln gain within five of its standard errors of ln 1, allowing −5/(2n) bias."""
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


def test_a_module_with_random_parameters_of_its_own_gets_them_from_the_seed():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.rand(7))

    make = [initialise(Odd, seed, He()).scale for seed in (3, 3, 4)]
    assert torch.equal(make[0], make[1])
    assert not torch.equal(make[0], make[2])
