"""What each block is good for."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

INPUTS, MOST = 32, 32


def block_deletion(probe: Probe) -> Tensor:
    """ℓ without block l − ℓ, on ≤ 32 probe inputs, the block passing on its input, l = 1 … L, (R, L).

    Unit: nats. Cost: a forward pass a block; of more than 32 blocks just 32, evenly spaced. NaN in the others, and
    where a block changes the shape of the stream. Veit 2016 (1605.06431), section 4.1.
    """
    probe = probe.few(INPUTS)
    with torch.no_grad():
        whole = probe.run()
        loss, count = probe.losses(whole.output), len(whole.streams) - 1
        out = loss.new_full((len(probe), count), torch.nan)
        for number in torch.linspace(0, count - 1, min(MOST, count)).round().int().tolist():
            if whole.streams[number].shape == whole.streams[number + 1].shape:
                out[:, number] = probe.losses(probe.run(skip=number).output) - loss
    return out
