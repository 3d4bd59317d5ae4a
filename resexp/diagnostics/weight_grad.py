"""How much of the gradient the weights of each block get."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms


def weight_grad(probe: Probe) -> Tensor:
    """‖∂ℓ/∂W_l‖, over all weight matrices of block l = 1 … L, (R, L); NaN in blocks that have none.

    Unit: nats by the unit of a weight. Cost: none beyond the pass. Glorot 2010, section 4.2.
    """
    return together(probe, [[*_grads(probe, number).values()] for number in range(len(probe.blocks))])


def of_layer(probe: Probe, layer: str, third: int) -> Tensor | None:
    """The same of the weights of a linear layer of that name, or of that third of an `in_proj_weight`, (R, L).

    None where no block has one.
    """
    blocks = []
    for number in range(len(probe.blocks)):
        ends = {name: (name.split(".")[-2:], grad) for name, grad in _grads(probe, number).items()}
        parts = [grad for end, grad in ends.values() if end in ([layer, "weight"], [f"{layer}_proj", "weight"])]
        parts += [grad.chunk(3, 1)[third] for end, grad in ends.values() if end[-1] == "in_proj_weight"]
        blocks.append(parts)
    return together(probe, blocks) if any(blocks) else None


def together(probe: Probe, blocks: list[list[Tensor]]) -> Tensor:
    """The norm of each block's tensors (R, …) as one, (R, L); NaN where it has none."""
    none_R = probe.x.new_full((len(probe),), torch.nan, dtype=torch.float64)
    norms_R = [row_norms(part) for parts in blocks for part in parts or [none_R]]
    squares = torch.stack(norms_R, 1).square().split([len(parts) or 1 for parts in blocks], 1)
    return torch.stack([square.sum(1) for square in squares], 1).sqrt()


def _grads(probe: Probe, number: int) -> dict[str, Tensor]:
    return {name: probe.grads[f"{probe.blocks[number]}.{name}"] for name in probe.weights(number)}
