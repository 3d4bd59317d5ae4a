"""What each block is good for."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

INPUTS, MOST = 32, 64


@torch.no_grad()
def block_deletion(probe: Probe) -> Tensor:
    """ℓ without block l − ℓ, on ≤ 32 probe inputs, the block passing on its input, l = 1 … L, (R, L).

    Unit: nats. Cost: a forward pass a block; of more than 64 blocks just 64, evenly spaced. NaN in the others, and
    where a block changes the shape of the stream. Veit 2016 (1605.06431), section 4.1.
    """
    probe = probe.few(INPUTS)
    whole = probe.run()
    streams, loss = whole.streams, probe.losses(whole.output)
    out = loss.new_full((len(probe), len(streams) - 1), torch.nan)
    for number in torch.linspace(0, len(streams) - 2, min(MOST, len(streams) - 1)).round().int().tolist():
        if streams[number].shape == streams[number + 1].shape:
            out[:, number] = probe.losses(probe.run(skip=number).output) - loss
    return out
