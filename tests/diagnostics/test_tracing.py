"""Tracing does not change what it records."""

import torch
from torch import nn

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.stream_rms import stream_rms
from tests.diagnostics.helpers import assert_close


def test_a_block_that_begins_in_place_does_not_change_the_measured_stream():
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 4)) for _ in range(2)))
    x = torch.randn(5, 4)
    h = module[0](x.clone())
    sizes = stream_rms(probe_of(module, x, torch.zeros(5, dtype=torch.int64)))[0]
    assert_close(sizes[:2], [v.detach().square().mean().sqrt() for v in (x, h)], rtol=1e-5)
