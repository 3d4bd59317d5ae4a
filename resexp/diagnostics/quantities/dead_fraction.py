"""The share of ReLUs that are never active."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe

# Shapes: R replicates, U units.


def dead_fraction(probe: Probe) -> Tensor | None:
    """Share of the units of a block whose ReLU has inputs ≤ 0 at all samples, positions and tokens of the batch.

    NaN in blocks without a ReLU, None if no block has one. If all samples have become parallel, half of the units are
    dead, so compare it with `pair_cosine`.

    Shape: (R, L), l = 1 … L.
    Unit: 1.
    Cost: none beyond the shared pass.
    Reference: Lu 2019 (1903.06733).
    """
    peaks = probe.trace.relu_peaks
    if not any(peaks):
        return None
    nan_R = torch.full((len(probe),), torch.nan, dtype=torch.float64, device=probe.x.device)
    return torch.stack([_share_of_dead(torch.cat(block, 1)) if block else nan_R for block in peaks], 1)


def _share_of_dead(peaks_RU: Tensor) -> Tensor:
    share_R = (peaks_RU <= 0).double().mean(1)
    return share_R.where(~peaks_RU.isnan().any(1), torch.nan)
