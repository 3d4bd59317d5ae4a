"""The similarity of the vectors of a stream: different inputs, or the tokens of each sequence."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from resexp.diagnostics.probe import Probe

# Shapes: R replicates, M sets of N vectors with n features.

MAX_VECTORS = 64


def pair_cosine(probe: Probe) -> Tensor:
    """Mean cosine similarity of h_l over pairs of inputs, or of tokens of a sequence.

    It is computed for up to 64 vectors as (‖Σ x̂‖² − N)/(N(N − 1)), x̂ the unit vectors.

    Shape: (R, L + 1), l = 0 … L.
    Unit: 1.
    Cost: O(64 n) per layer of n features.
    Reference: Poole 2016 (1606.05340), section 2.2.
    """
    return _per_stream(probe, _mean_cosine)


def rank_residual(probe: Probe) -> Tensor:
    """Relative distance of h_l from its mean vector, ‖X − 1x̄ᵀ‖/‖X‖, X the matrix of up to 64 inputs or tokens.

    0 if all vectors are equal.

    Shape: (R, L + 1), l = 0 … L.
    Unit: 1.
    Cost: O(64 n) per layer of n features.
    Reference: Dong 2021 (2103.03404), section 2.
    """
    return _per_stream(probe, _residual)


def effective_rank(probe: Probe) -> Tensor:
    """Exponential of the entropy of σ_i/Σσ, σ the singular values of the matrix of up to 64 inputs or tokens at h_l.

    Shape: (R, L + 1), l = 0 … L.
    Unit: 1; from 1 to 64.
    Cost: the eigenvalues of a 64 × 64 matrix per layer.
    Reference: Roy 2007, "The effective rank".
    """
    return _per_stream(probe, _rank)


def _mean_cosine(x_RMNn: Tensor) -> Tensor:
    units, count = F.normalize(x_RMNn, dim=-1, eps=torch.finfo(x_RMNn.dtype).tiny), x_RMNn.shape[2]
    total = units.sum(2).square().sum(-1) - units.square().sum((2, 3))
    return (total / max(1, count * (count - 1))).mean(1)


def _residual(x_RMNn: Tensor) -> Tensor:
    deviation = x_RMNn - x_RMNn.mean(2, keepdim=True)
    size = x_RMNn.flatten(2).norm(dim=2).clamp_min(torch.finfo(x_RMNn.dtype).tiny)
    share: Tensor = deviation.flatten(2).norm(dim=2) / size
    return share.mean(1)


def _rank(x_RMNn: Tensor) -> Tensor:
    x = x_RMNn.double()
    gram = x @ x.mT if x.shape[-2] <= x.shape[-1] else x.mT @ x
    share = torch.linalg.eigvalsh(gram).clamp_min(0).sqrt()
    share = share / share.sum(-1, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    entropy: Tensor = torch.special.entr(share).sum(-1)
    return entropy.exp().mean(1)


def _per_stream(probe: Probe, measure: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply `measure`, (R, M, N, n) → (R,), to h_0 … h_L; return (R, L + 1), NaN where h_l is not finite."""
    if "vectors" not in probe.cache:
        streams = probe.trace.streams
        finite_RL = torch.stack([h.flatten(1).isfinite().all(1) for h in streams], 1)
        probe.cache["vectors"] = [_vectors(h) for h in streams], finite_RL
    vectors, finite_RL = probe.cache["vectors"]
    return torch.stack([measure(x).double() for x in vectors], 1).where(finite_RL, torch.nan)


def _vectors(h: Tensor) -> Tensor:
    """Return the stream (R, B, …) as at most 64 vectors, (R, M, N, n): one set of inputs, or the tokens of M sequences.

    They are scaled to a largest entry of 1, so that no square overflows in float32. Non-finite ones become 0.
    """
    is_sequence = h.ndim == 4
    x = h[:, : max(1, MAX_VECTORS // h.shape[2]), :MAX_VECTORS] if is_sequence else h.flatten(2)[:, None, :MAX_VECTORS]
    x = x.nan_to_num(0.0, 0.0, 0.0)
    peak = x.abs().amax((1, 2, 3), keepdim=True)
    return x / peak.clamp_min(torch.finfo(x.dtype).tiny)
