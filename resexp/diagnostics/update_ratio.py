"""How far a step moves the weights."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.weight_grad import together

LEAST = 1e-12
"""What stands for the norm of weights that are zero by construction."""


def update_ratio(probe: Probe) -> Tensor | None:
    """‖ΔW_l‖/max(‖W_l‖, 10⁻¹²) of the next training step, over the weight matrices of block l = 1 … L, (R, L).

    Unit: 1; about 10⁻³ is usual. Cost: one copy of the weights. NaN in blocks without such weights; None at the end,
    where no step follows.
    """
    if probe.updated is None:
        return None
    columns = []
    for number, block in enumerate(probe.blocks):
        before = probe.weights(number)
        moved = together(probe, [probe.updated[f"{block}.{name}"] - w for name, w in before.items()])
        columns.append(moved / together(probe, [*before.values()]).clamp_min(LEAST))
    return torch.stack(columns, 1)
