"""Branch-skip ratios agree with the norms of branch and stream."""

import numpy as np
import pytest
import torch
from torch import nn

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.branch_skip import branch_skip
from tests.diagnostics.helpers import assert_close, streams_of


@pytest.mark.parametrize(("residual", "scale"), [("on", 1.0), ("scaled", 3**-0.5), ("off", None)])
def test_branch_skip_of_residual_schemes(make_probe, residual, scale):
    network, probe = make_probe(f"residual={residual}", "norm=post")
    expected = []
    for block, h in zip(network.blocks, streams_of(network, probe), strict=False):
        expected.append(np.inf if scale is None else scale * (block.body(h).norm() / h.norm()).item())
    assert_close(branch_skip(probe)[0], expected)


def test_branch_skip_of_other_blocks_is_the_relative_change_of_the_stream():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(2)), nn.Linear(4, 3))
    x = torch.randn(5, 4)
    h = module[0](x)
    ratios = branch_skip(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    assert_close(ratios, [((h - x).norm() / x.norm()).item(), ((module[1](h) - h).norm() / h.norm()).item()], rtol=1e-5)
