"""The equation of the block, final norms, and numbers of parameters."""

import itertools

import pytest
import torch
from torch import nn

from resexp.nn.block import Block, BlockConfig, BranchPosition, Placement
from resexp.nn.bodies.ffn import FeedForward
from resexp.nn.models import Task
from resexp.nn.models.mlp import MLP
from resexp.nn.residuals.off import NoSkip
from resexp.nn.residuals.on import IdentitySkip


def _config(placement, residual, depth=3):
    return BlockConfig(
        width=8,
        depth=depth,
        activation=nn.ReLU,
        placement=placement,
        normalizer=nn.LayerNorm,
        residual=residual,
        body=FeedForward,
    )


@pytest.mark.parametrize("flags", [*itertools.product([False, True], repeat=3)])
@pytest.mark.parametrize("residual", [IdentitySkip, NoSkip])
def test_the_block_computes_its_equation(flags, residual):
    placement = Placement(**dict(zip(("pre", "inner_post", "post"), flags, strict=True)))
    config = _config(placement, residual)
    position = BranchPosition(width=8, layer=1, branches=3)
    block = Block(config, FeedForward(nn.Linear, config), residual(position))
    for parameter in block.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(5, 8)
    f = block.body(block.pre(x) if placement.pre else x)
    f = block.inner_post(f) if placement.inner_post else f
    out = x + f if residual is IdentitySkip else f
    out = block.post(out) if placement.post else out
    torch.testing.assert_close(block(x), out)
    norms = sum(isinstance(m, nn.LayerNorm) for m in block.modules())
    assert norms == sum(flags)


@pytest.mark.parametrize(
    ("flags", "final"),
    [((0, 0, 0), False), ((1, 0, 0), True), ((0, 0, 1), False), ((1, 1, 0), True), ((0, 1, 0), True)],
)
def test_a_final_norm_follows_an_unnormalized_stream(flags, final):
    placement = Placement(pre=bool(flags[0]), inner_post=bool(flags[1]), post=bool(flags[2]))
    assert placement.final == final
    assert isinstance(MLP(_config(placement, IdentitySkip), Task((4, 4), 3)).final, nn.LayerNorm) == final


@pytest.mark.parametrize("depth", [1, 2, 7])
def test_the_number_of_parameters_is_as_documented(depth):
    none = Placement(pre=False, inner_post=False, post=False)
    network = MLP(_config(none, IdentitySkip, depth), Task((4, 4), 3))
    assert sum(p.numel() for p in network.parameters()) == 8 * 17 + depth * 2 * 8 * 9 + 3 * 9
    assert network(torch.randn(5, 4, 4)).shape == (5, 3)
