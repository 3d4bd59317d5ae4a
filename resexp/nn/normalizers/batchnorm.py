"""Batch normalization."""

import torch
from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.block import per_feature


class BatchNorm(nn.Module):
    """(x − μ_B)/√(σ_B² + ε) · γ + β, statistics per feature over all samples, tokens and pixels of the batch.

    Ioffe 2015 (1502.03167). 2·D parameters, γ = 1 and β = 0 at the start. Evaluation uses running statistics, which
    each replicate has for itself. torch's own batch norm is not used: under vmap, its gradient rounds differently in
    different packs.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    @override
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            dims = (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))
            mean = x.mean(dims)
            centered = x - per_feature(mean, x)
            variance = centered.square().mean(dims)
            count = x.numel() // x.shape[1 if x.ndim == 4 else -1]
            unbiased = variance.detach() * (count / max(1, count - 1))
            for running, current in ((self.running_mean, mean.detach()), (self.running_var, unbiased)):
                running.mul_(1 - self.momentum).add_(current * self.momentum)
        else:
            centered, variance = x - per_feature(self.running_mean, x), self.running_var
        scale = self.weight * (variance + self.eps).rsqrt()
        return centered * per_feature(scale, x) + per_feature(self.bias, x)
