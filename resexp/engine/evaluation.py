"""Loss and accuracy of a pack on a split."""

import torch
from torch import Tensor

from resexp.data.dataset import Data, Split
from resexp.engine.pack import Pack
from resexp.engine.step import group_metrics
from resexp.seeding import key

MAX_SAMPLES, MAX_TARGETS = 2048, 16384
"""Limits of `subset`, on which the validation during training and the training loss at its end are measured."""

BATCH_SIZE = 1024
"""Samples evaluated at once."""


def subset(split: Split) -> Split:
    """Return the whole split, or a fixed random subset of it if it is larger than the limits."""
    size = min(MAX_SAMPLES, max(1, MAX_TARGETS // split.y[0].numel()))
    if len(split) <= size:
        return split
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(key("subset")))
    return split.take(order[:size].to(split.y.device))


@torch.no_grad()
def evaluate(pack: Pack, data: Data, split: Split, train_batch_size: int | None = None) -> tuple[Tensor, Tensor]:
    """Return the mean loss and accuracy of each replicate on a split, (R,) each, without dropout.

    Args:
        pack: the replicates; none of its buffers changes.
        data: standardizes the inputs.
        split: the samples.
        train_batch_size: if given, a network with buffers normalizes with the statistics of batches of about this
            size, as in training, instead of its running statistics.

    """
    batch_statistics = train_batch_size is not None and bool(pack.buffers)
    pack.set_mode(training=batch_statistics)
    total = pack.weights_RP.new_zeros(2, len(pack))
    metrics = group_metrics(pack, pack.network, (0, 0, None, None))
    parts = -(-len(split) // (train_batch_size if train_batch_size and batch_statistics else BATCH_SIZE))
    for x, y in zip(split.x.tensor_split(parts), split.y.tensor_split(parts), strict=True):
        batch = data.standardize(x)
        for group in pack.groups:
            buffers = {name: b.clone() for name, b in group.buffers.items()} if batch_statistics else group.buffers
            total[:, group.rows] += len(y) * torch.stack(metrics(group.params, buffers, batch, y))
    loss_R, accuracy_R = total / len(split)
    return loss_R, accuracy_R
