"""The contribution of each block to the loss."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

MAX_INPUTS, MAX_BLOCKS = 32, 32
BLOCKS_PER_PASS = 8
"""Blocks deleted in one pass, each for its own part of the batch."""


def block_deletion(probe: Probe) -> Tensor:
    """Increase of the loss if block l returns its input, ℓ(without block l) − ℓ, on up to 32 inputs.

    Of more than 32 blocks, 32 evenly spaced ones are deleted. NaN in the others, and in blocks that change the shape of
    the stream.

    Shape: (R, L), l = 1 … L.
    Unit: nats.
    Cost: a forward pass per block; several run at once.
    Reference: Veit 2016 (1605.06431), section 4.1.
    """
    mixes_samples, probe = probe.mixes_samples, probe.first_samples(MAX_INPUTS)
    with torch.no_grad():
        complete = probe.run()
        loss_R, count = probe.losses(complete.output), len(complete.streams) - 1
        change_RL = loss_R.new_full((len(probe), count), torch.nan)
        shapes = [h.shape for h in complete.streams]
        spaced = torch.linspace(0, count - 1, min(MAX_BLOCKS, count)).round().int().tolist()
        numbers = [n for n in spaced if shapes[n] == shapes[n + 1]]
        one_at_a_time = mixes_samples or any(shape[1] != len(probe.x) for shape in shapes)
        size = 1 if one_at_a_time else BLOCKS_PER_PASS
        for deleted in (numbers[start : start + size] for start in range(0, len(numbers), size)):
            copies = probe.repeated(len(deleted) * len(probe.x))
            outputs = copies.run(deleted=torch.tensor(deleted, device=probe.x.device)).output.chunk(len(deleted), 1)
            for number, output in zip(deleted, outputs, strict=True):
                change_RL[:, number] = probe.losses(output) - loss_R
    return change_RL
