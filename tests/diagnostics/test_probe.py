"""Probes of networks whose inputs do or do not depend on each other."""

import torch
from torch import nn

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.block_deletion import block_deletion
from resexp.diagnostics.quantities.jacobian import jacobian_max
from resexp.diagnostics.quantities.sharpness import sharpness


class Center(nn.Module):
    """Subtracts the mean over the batch."""

    def forward(self, x):
        return x - x.mean(0)


def test_a_stream_without_a_gradient_and_a_batch_of_one_raise_no_error():
    """Neither shows whether the inputs depend on each other."""

    class Detached(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)

        def forward(self, x):
            return self.linear(x.detach()).relu()

    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1])
    detached = probe_of(nn.Sequential(Detached(), Detached()).double(), x, y)
    assert sharpness(detached).isfinite().all()
    assert block_deletion(detached).isfinite().all()
    normed = nn.Sequential(*(nn.Sequential(nn.Linear(3, 3), Center()) for _ in range(2))).double()
    assert jacobian_max(probe_of(normed, x[:1], y[:1])) < 1e-12  # a single sample is its own mean
