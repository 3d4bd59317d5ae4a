"""In how many directions the inputs still differ."""

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.rows import of_streams


def effective_rank(probe: Probe) -> Tensor:
    """exp of the entropy of σ_i/Σσ, σ the singular values of the matrix of ≤ 64 inputs or tokens, (R, L + 1).

    Unit: 1, from 1 to 64. Cost: the eigenvalues of a 64 × 64 matrix a layer. Roy 2007, "The effective rank".
    """
    return of_streams(probe, _rank)


def _rank(x: Tensor) -> Tensor:
    x = x.double()
    gram = x @ x.mT if x.shape[-2] <= x.shape[-1] else x.mT @ x
    share = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    share = share / share.sum(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    entropy: Tensor = torch.special.entr(share).sum(-1)
    return entropy.exp().mean(1)
