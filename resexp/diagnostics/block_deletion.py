"""What each block is good for."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

INPUTS, MOST = 32, 32
TOGETHER = 8
"""Blocks that are left out in one pass, each for a part of its batch."""


def block_deletion(probe: Probe) -> Tensor:
    """ℓ without block l − ℓ, on ≤ 32 probe inputs, the block passing on its input, l = 1 … L, (R, L).

    Unit: nats. Cost: a forward pass a block, some at once; of more than 32 blocks just 32, evenly spaced. NaN in the
    others, and where a block changes the shape of the stream. Veit 2016 (1605.06431), section 4.1.
    """
    mixes, probe = probe.mixes, probe.few(INPUTS)
    with torch.no_grad():
        whole = probe.run()
        loss, count = probe.losses(whole.output), len(whole.streams) - 1
        out = loss.new_full((len(probe), count), torch.nan)
        shapes = [h.shape for h in whole.streams]
        numbers = torch.linspace(0, count - 1, min(MOST, count)).round().int().tolist()
        wanted = [n for n in numbers if shapes[n] == shapes[n + 1]]
        count = 1 if mixes or any(shape[1] != len(probe.x) for shape in shapes) else TOGETHER
        for some in (wanted[start : start + count] for start in range(0, len(wanted), count)):
            skip = torch.tensor(some, device=probe.x.device)
            outputs = probe.repeated(len(some) * len(probe.x)).run(skip=skip).output.chunk(len(some), 1)
            for number, output in zip(some, outputs, strict=True):
                out[:, number] = probe.losses(output) - loss
    return out
