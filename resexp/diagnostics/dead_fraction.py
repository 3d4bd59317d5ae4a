"""Units that are switched off."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe


def dead_fraction(probe: Probe) -> Tensor | None:
    """Share of the ReLUs of block l = 1 … L whose input is ≤ 0 on every probe input, and place or token, (R, L).

    Unit: 1. Cost: none beyond the pass. Lu 2019 (1903.06733). Inputs that have become parallel switch half the units
    off for all: read it beside the pair cosine. NaN in blocks without a ReLU, None where no block has one.
    """
    peaks = probe.trace.peaks
    if not any(peaks):
        return None
    gap = torch.full((len(probe),), torch.nan, dtype=torch.float64, device=probe.x.device)
    return torch.stack([_dead(torch.cat(block, 1)) if block else gap for block in peaks], 1)


def _dead(peaks_RU: Tensor) -> Tensor:
    share = (peaks_RU <= 0).double().mean(1)
    return share.where(~peaks_RU.isnan().any(1), torch.nan)
