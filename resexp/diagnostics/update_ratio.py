"""How far a step moves the weights."""

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
    updated, weights = probe.updated, [probe.weights(number) for number in range(len(probe.blocks))]
    moved = [
        [updated[f"{block}.{name}"] - w for name, w in before.items()]
        for block, before in zip(probe.blocks, weights, strict=True)
    ]
    norms_RL = together(probe, [[*before.values()] for before in weights])
    return together(probe, moved) / norms_RL.clamp_min(LEAST)
