"""Initial weights: a pure function of the seed, those of linear layers of (seed, name), so that arms share them.

| what | initial value |
|---|---|
| weight of a linear layer or convolution | by the initializer, from a generator of its own |
| its bias | by the initializer, 0 unless it says otherwise |
| embedding that no linear layer shares | N(0, 1/width) |
| everything else | as its module makes it, in the order of construction |
| a residual branch | then as its residual initializer rescales it, unless told not to |
| the head | then 0 where the residual initializer wants it and no embedding shares it |
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resexp.nn.block import Residual
from resexp.nn.bodies.weights import LINEAR
from resexp.seeding import key


class Initializer:
    """An initialization of linear layers, whose weights are (out, in) or, of convolutions, (out, in, H, W)."""

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place; the flag says whether it has to make up for an activation."""
        raise NotImplementedError

    def bias(self, bias: Tensor, generator: torch.Generator) -> None:
        """Fill `bias` in place."""
        bias.zero_()


def fan_in(weight: Tensor) -> int:
    """The number of inputs of an output."""
    return weight[0].numel()


@torch.no_grad()
def initialize(make_network: Callable[[], nn.Module], seed: int, initializer: Initializer) -> nn.Module:
    """A network on the CPU, all of whose parameters come from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "construction"))  # of what the initializer leaves as its module made it
        network = make_network()
    beside = {
        f"{name}.{layer}".lstrip(".")
        for name, module in network.named_modules()
        for layer in getattr(module, "beside_activation", ())
    }

    def generator(*name: str) -> torch.Generator:
        return torch.Generator().manual_seed(key(seed, *name))

    for name, module in network.named_modules():
        if isinstance(module, nn.Embedding):
            module.weight.normal_(0, 1 / math.sqrt(module.embedding_dim), generator=generator(name, "weight"))
        elif isinstance(module, LINEAR):
            initializer.weight(module.get_parameter("weight"), name in beside, generator(name, "weight"))
            if module.bias is not None:
                initializer.bias(module.get_parameter("bias"), generator(name, "bias"))
    for module in network.modules():
        residual = getattr(module, "residual", None)
        if isinstance(residual, Residual) and residual.own_init:
            residual.init(module.get_submodule("body"))
            if residual.zero_head:
                _zero_head(network)
    return network


def _zero_head(network: nn.Module) -> None:
    head = network.get_parameter("head.weight")
    if not any(isinstance(module, nn.Embedding) and module.weight is head for module in network.modules()):
        head.zero_()
