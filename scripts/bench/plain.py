"""Train the network of `resexp train +norm=pre depth=48` in plain PyTorch; print the milliseconds of a step.

Seeds would run one after the other, so this is also the time per step and replicate.
"""

import itertools
import time
from argparse import ArgumentParser, Namespace

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

DEPTH, WIDTH, BATCH = 48, 64, 128
TRAIN = 1438  # of the 1,797 digits, as in resexp


class Block(nn.Module):
    """x + W₂ relu(W₁ LN(x)) and its variants, as in the blocks of resexp."""

    def __init__(self, width: int, norm: str, residual: bool) -> None:
        super().__init__()
        self.pre = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.post = nn.LayerNorm(width) if norm == "post" else nn.Identity()
        self.fc1, self.fc2, self.residual = nn.Linear(width, width), nn.Linear(width, width), residual

    def forward(self, x: Tensor) -> Tensor:
        branch = self.fc2(F.relu(self.fc1(self.pre(x))))
        return self.post(x + branch if self.residual else branch)


def network(depth: int = DEPTH, norm: str = "pre", residual: bool = True) -> nn.Module:
    """Return stem, blocks, a final LayerNorm if the blocks begin with one, and head."""
    blocks = (Block(WIDTH, norm, residual) for _ in range(depth))
    final = nn.LayerNorm(WIDTH) if norm == "pre" else nn.Identity()
    return nn.Sequential(nn.Linear(64, WIDTH), *blocks, final, nn.Linear(WIDTH, 10))


def loader() -> DataLoader[tuple[Tensor, ...]]:
    """Return shuffled batches of the standardized digits."""
    digits = load_digits()
    x, y = torch.tensor(digits.data[:TRAIN], dtype=torch.float32), torch.tensor(digits.target[:TRAIN])
    return DataLoader(TensorDataset((x - x.mean()) / x.std(), y), BATCH, shuffle=True, drop_last=True)


def arguments() -> Namespace:
    """Parse the command line of a peer, and set threads and seed of torch."""
    parser = ArgumentParser()
    parser.add_argument("warmup", type=int, help="steps before the clock starts")
    parser.add_argument("steps", type=int, help="steps that are timed")
    parser.add_argument("--threads", type=int, help="[torch's default]")
    parser.add_argument("--fused", action="store_true", help="Adam with its fused kernel instead of torch's default")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    return args


def main() -> None:
    args = arguments()
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=args.fused or None)
    batches = itertools.chain.from_iterable(itertools.repeat(loader()))
    start = 0.0
    for step, (x, y) in enumerate(itertools.islice(batches, args.warmup + args.steps)):
        if step == args.warmup:
            start = time.perf_counter()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            loss.item()
    print(1000 * (time.perf_counter() - start) / args.steps)


if __name__ == "__main__":
    main()
