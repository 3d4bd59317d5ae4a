"""Initial weights: a pure function of the seed, those of linear layers of (seed, name), so that arms share them.

| layer | variance of the weight | bias |
|---|---|---|
| linear, an activation directly before it | 2/fan_in | 0 |
| any other linear (stem, W₁, head) | 1/fan_in | 0 |
| everything else | as its module makes it, in the order of construction | |
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resexp.seeding import key

Scheme = Callable[[Tensor, bool, torch.Generator], None]
"""Fills a weight (out, in) in place; the flag says whether an activation directly precedes its layer."""


class He:
    """N(0, 2/fan_in) behind an activation, whichever it is, else N(0, 1/fan_in). He 2015 (1502.01852), section 2.2."""

    def __call__(self, weight: Tensor, after_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        weight.normal_(0, math.sqrt((2 if after_activation else 1) / weight[0].numel()), generator=generator)


@torch.no_grad()
def initialise(make_network: Callable[[], nn.Module], seed: int, scheme: Scheme) -> nn.Module:
    """A network on the CPU, all of whose parameters come from `seed`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(key(seed, "construction"))  # of what the scheme leaves as its module made it
        network = make_network()
    behind = {
        f"{name}.{layer}".lstrip(".")
        for name, module in network.named_modules()
        for layer in getattr(module, "after_activation", ())
    }
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear):
            scheme(module.weight, name in behind, torch.Generator().manual_seed(key(seed, name, "weight")))
            if module.bias is not None:
                module.bias.zero_()
    return network
