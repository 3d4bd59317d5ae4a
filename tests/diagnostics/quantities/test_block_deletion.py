"""The change of the loss without a block."""

import torch
import torch.nn.functional as F
from torch import nn

from resexp.diagnostics.probe import probe_of
from resexp.diagnostics.quantities.block_deletion import block_deletion
from tests.diagnostics.helpers import assert_close


def test_block_deletion_agrees_with_replacing_blocks_by_the_identity(make_probe):
    network, probe = make_probe()
    complete, expected = F.cross_entropy(network(probe.x), probe.y), []
    for number, block in enumerate(network.blocks):
        network.blocks[number] = nn.Identity()
        expected.append((F.cross_entropy(network(probe.x), probe.y) - complete).item())
        network.blocks[number] = block
    assert_close(block_deletion(probe)[0], expected)


def test_block_deletion_is_nan_for_blocks_that_change_the_shape():
    network = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 3)).double()
    x, y = torch.randn(7, 4, dtype=torch.float64), torch.randint(3, (7,))
    assert block_deletion(probe_of(network, x, y)).isnan().all()
