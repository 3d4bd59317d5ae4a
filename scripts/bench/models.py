"""Time of a step of each model relative to the same network in plain PyTorch.

Both run in one process, in turns of a few steps, on one thread. The plain network starts from the weights of resexp and
must give the same logits. `models.py [--rounds N]`.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from statistics import median

import torch
import torch.nn.functional as F
from plain import Block
from table import Row, machine
from torch import Tensor, nn

from resexp.build import build, load_data
from resexp.config.compose import Composer
from resexp.engine.events import Steps
from resexp.engine.loop import Training, fit

TURN = 10


class Residual(nn.Module):
    """x + branch(x)."""

    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)


class Attention(nn.Module):
    """Self-attention with one matrix for queries, keys and values."""

    def __init__(self, width: int, causal: bool) -> None:
        super().__init__()
        self.qkv, self.out, self.causal = nn.Linear(width, 3 * width), nn.Linear(width, width), causal

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (4, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Characters(nn.Module):
    """Token and position embeddings, blocks, a tied head."""

    def __init__(self, width: int, depth: int, vocabulary: int, context: int) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(context, width))
        self.head = nn.Linear(width, vocabulary)
        self.blocks = nn.Sequential(
            *(
                block
                for _ in range(depth)
                for block in (Residual(nn.LayerNorm(width), Attention(width, causal=True)), mlp_block(width))
            )
        )
        self.final = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        u = F.embedding(x, self.head.weight) * self.positions.shape[1] ** 0.5 + self.positions
        return self.head(self.final(self.blocks(u)))


class Article(nn.Module):
    """norm, relu, h + W h."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm(x))
        return h + self.linear(h)


class Mean(nn.Module):
    """Mean over height and width."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def mlp_block(width: int) -> nn.Module:
    return Residual(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))


def conv(width: int, depth: int) -> nn.Module:
    def layer() -> nn.Module:
        return nn.Conv2d(width, width, 3, padding="same")

    blocks = (Residual(nn.GroupNorm(1, width), layer(), nn.ReLU(), layer()) for _ in range(depth))
    stem = (nn.Unflatten(1, (1, 8)), nn.Conv2d(1, width, 3, padding="same"))
    return nn.Sequential(*stem, *blocks, nn.GroupNorm(1, width), Mean(), nn.Linear(width, 10))


def mlp(depth: int) -> nn.Module:
    blocks = (Block(64, "pre", residual=True) for _ in range(depth))
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), *blocks, nn.LayerNorm(64), nn.Linear(64, 10))


def simplenet(depth: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), *(Article(64) for _ in range(depth)), nn.Linear(64, 10))


MODELS: dict[str, tuple[tuple[str, ...], Callable[[int], nn.Module], float | None]] = {
    "conv, width 32, depth 8, digits": (("model=conv", "width=32"), lambda _: conv(32, 8), 1.05),
    "transformer, width 64, depth 8, text": (
        ("model=transformer", "dataset=text", "batch_size=16"),
        lambda vocabulary: Characters(64, 8, vocabulary, 64),
        1.05,
    ),
    "mlp, width 64, depth 8, digits": ((), lambda _: mlp(8), None),
    "simplenet, width 64, depth 8, digits": (("model=simplenet",), lambda _: simplenet(8), None),
}
"""Overrides, the plain network for a number of classes, and the highest acceptable ratio of step times."""


def resexp_turns(training: Training) -> Iterator[float]:
    """Yield the seconds of each turn of resexp."""
    events = fit(training)
    while True:
        start = time.perf_counter()
        while not isinstance(next(events), Steps):
            start = time.perf_counter()
        yield time.perf_counter() - start


def plain_turns(network: nn.Module, training: Training) -> Iterator[float]:
    """Yield the seconds of each turn of the plain network, on the same data from the same tensors."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.0, fused=True)
    data, size = training.data, training.plan.batch_size
    while True:
        start = time.perf_counter()
        for _ in range(TURN):
            index = torch.randint(len(data.train), (size,))
            x, y = data.standardize(data.train.x[index]), data.train.y[index]
            loss = F.cross_entropy(network(x).flatten(0, -2), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()
        yield time.perf_counter() - start


def copy_weights(network: nn.Module, training: Training) -> None:
    """Copy the weights of replicate 0 to the plain network. Raises RuntimeError if its logits differ then."""
    state = training.pack.state_dict(0)
    queue = [state[name] for name in training.pack.views(training.pack.weights_RP, 0)]
    if isinstance(network, Characters):  # resexp has three matrices instead of one
        joined = []
        for name, value in zip(training.pack.views(training.pack.weights_RP, 0), queue, strict=True):
            if ".q." in name:
                parts = [state[name.replace(".q.", f".{part}.")] for part in "qkv"]
                joined.append(torch.cat(parts))
            elif not (".k." in name or ".v." in name):
                joined.append(value)
        queue = joined
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), queue, strict=True):
            parameter.copy_(value.view_as(parameter))
        x = training.data.standardize(training.data.train.x[:4])
        reference = torch.func.functional_call(training.pack.network, {k: v.clone() for k, v in state.items()}, (x,))
        if not torch.allclose(network(x), reference, rtol=1e-3, atol=1e-4):
            raise RuntimeError("the networks give different logits")


def sample(rounds: int) -> Iterator[Row]:
    """Yield a row for each model and number of replicates."""
    composer = Composer()
    for name, (overrides, make, most) in MODELS.items():
        for seeds in (1, 5):
            steps = f"steps={TURN * (rounds + 2)}"
            sizes = ("norm=pre", "depth=8", f"seeds={seeds}", steps, f"log_every={TURN}", "eval_every=1000000")
            cell = composer.cell([*overrides, *sizes])
            training = build(cell, cell.settings.seed_list, load_data(cell))
            network = make(training.data.classes)
            copy_weights(network, training)
            turns = zip(resexp_turns(training), plain_turns(network, training), strict=True)
            next(turns)  # warms up
            ratios = [a / b / seeds for a, b in (next(turns) for _ in range(rounds))]
            what = f"{name}: a step per replicate, pack of {seeds} ({training.pack.mode})"
            print(f"{what}  {median(ratios):.3f}", file=sys.stderr, flush=True)
            yield Row(what, ratios, "×", ("≤", most) if most else None)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, metavar="N", help="turns of ten steps each [21]")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = [*sample(rounds)]
    print("| time of a step, relative to plain PyTorch | target | measured: median [min, max], n | met? |")
    print("|---|---|---|---|")
    print(*rows, sep="\n")
    print(f"\n{machine()}; one thread, in one process, in turns of {TURN} steps, with AdamW's fused kernel for both.")


if __name__ == "__main__":
    main()
