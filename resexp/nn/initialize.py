"""Initialization: all initial weights are a pure function of the seed.

Those of linear layers depend on (seed, name) only, so that arms share them.

| parameter | initial value |
|---|---|
| weight of a linear layer or convolution | from the initializer, with a generator per (seed, name) |
| bias of a linear layer or convolution | from the initializer; 0 by default |
| weight of an embedding | N(0, 1/width), with a generator per (seed, name) |
| weight shared by several modules | that of the last of them |
| any other parameter | from its module's constructor, in the order of construction |
| body of a block | afterwards rescaled by the residual scheme's `init`, if `own_init` |
| head | afterwards 0, if the residual scheme has `zero_head` and `own_init`, and no embedding shares the weight |
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resexp.nn.block import LINEAR_LAYERS, Residual
from resexp.seeding import key, seeded


class Initializer:
    """Base class of initializers of linear layers and convolutions."""

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place.

        Args:
            weight: (out, in), or (out, in, H, W) of a convolution.
            beside_activation: true if the weights have to compensate for an activation.
            generator: the source of random numbers, on the CPU.

        """
        raise NotImplementedError

    def bias(self, bias: Tensor, generator: torch.Generator) -> None:
        """Fill `bias`, (out,), in place. Default: 0."""
        bias.zero_()


def fan_in(weight: Tensor) -> int:
    """Return the number of inputs of one output."""
    return weight[0].numel()


@torch.no_grad()
def initialize(make_network: Callable[[], nn.Module], seed: int, initializer: Initializer) -> nn.Module:
    """Make a network on the CPU with the initial weights of `seed`, as in the table above."""
    with seeded(seed, "construction"):  # for what the constructors of modules draw
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
        elif isinstance(module, LINEAR_LAYERS):
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
