"""How much of the gradient the weights of each block get."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms


def weight_grad(probe: Probe) -> Tensor:
    """‖∂ℓ/∂W_l‖, over all weight matrices of block l = 1 … L, (R, L); NaN in blocks that have none.

    Unit: nats by the unit of a weight. Cost: none beyond the pass. Glorot 2010, section 4.2.
    """
    return torch.stack([together(probe, [*_grads(probe, number).values()]) for number in range(len(probe.blocks))], 1)


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
    return torch.stack([together(probe, parts) for parts in blocks], 1) if any(blocks) else None


def together(probe: Probe, parts: list[Tensor]) -> Tensor:
    """The norm of some tensors (R, …) as one, (R,); NaN where there are none."""
    if not parts:
        return probe.x.new_full((len(probe),), torch.nan, dtype=torch.float64)
    return row_norms(torch.stack([row_norms(part) for part in parts], 1))


def _grads(probe: Probe, number: int) -> dict[str, Tensor]:
    return {name: probe.grads[f"{probe.blocks[number]}.{name}"] for name in probe.weights(number)}
