"""The matrix as a plain PyTorch script: cell after cell, seed after seed."""

import itertools

import torch
import torch.nn.functional as F
from plain import loader, network
from torch import nn
from torch.utils.data import DataLoader

STEPS, SEEDS = 300, 5
CELLS = [*itertools.product((8, 24, 48), ("none", "pre", "post"), (True, False))]


def train(model: nn.Module, batches: DataLoader[tuple[torch.Tensor, ...]]) -> float:
    """Train a network and return its last loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(itertools.islice(itertools.chain.from_iterable(itertools.repeat(batches)), STEPS)):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            loss.item()
    return loss.item()


def main() -> None:
    batches = loader()
    for depth, norm, residual in CELLS:
        ends = []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            ends.append(train(network(depth, norm, residual), batches))
        print(depth, norm, residual, *(f"{end:.3g}" for end in ends), flush=True)


if __name__ == "__main__":
    main()
