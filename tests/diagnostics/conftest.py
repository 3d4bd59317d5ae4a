"""A fixture of the tests of quantities."""

import pytest
import torch

from resexp.diagnostics.probe import probe_of
from resexp.nn.models import Task
from tests.diagnostics.helpers import BATCH


@pytest.fixture
def make_probe(build_network):
    """Return a function that builds a network in float64 and a probe of it."""

    def build(*overrides, shape=(4, 4), batch=BATCH, **fields):
        generator = torch.Generator().manual_seed(0)
        network = build_network("norm=pre", "width=8", "depth=3", *overrides, task=Task(shape, 5)).double()
        x = torch.randn(batch, *shape, generator=generator, dtype=torch.float64)
        y = torch.randint(5, (batch,), generator=generator)
        return network, probe_of(network, x, y, **fields)

    return build
