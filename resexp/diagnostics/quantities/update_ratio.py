"""The relative size of a training step."""

from torch import Tensor

from resexp.diagnostics.probe import Probe

MIN_NORM = 1e-12
"""Replaces the norm of weights that are zero, as some are at initialization."""


def update_ratio(probe: Probe) -> Tensor | None:
    """Relative change of the weight matrices of a block in the next training step, ‖ΔW_l‖/max(‖W_l‖, 10⁻¹²).

    About 10⁻³ is usual. NaN in blocks without weight matrices, None at the end of training.

    Shape: (R, L), l = 1 … L.
    Unit: 1.
    Cost: one copy of the weights.
    Reference: lecture notes of CS231n, "Ratio of weights:updates".
    """
    if probe.updated is None:
        return None
    updated, weights = probe.updated, [probe.weight_matrices(number) for number in range(len(probe.blocks))]
    changes = [
        [updated[f"{block}.{name}"] - w for name, w in matrices.items()]
        for block, matrices in zip(probe.blocks, weights, strict=True)
    ]
    norms_RL = probe.block_norms([[*matrices.values()] for matrices in weights])
    return probe.block_norms(changes) / norms_RL.clamp_min(MIN_NORM)
