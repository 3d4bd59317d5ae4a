"""Batch normalization."""

import torch
from torch import Tensor, nn

from resexp.nn.axes import per_feature


class BatchNorm(nn.Module):
    """(x − μ_B)/√(σ_B² + ε) · γ + β, statistics per feature over the batch. Ioffe 2015 (1502.03167). 2·D parameters.

    x: (B, D), (B, T, D) or (B, C, H, W). Running statistics, of each replicate its own, serve evaluation. Not torch's
    own, whose gradient under vmap rounds by what else is in the pack.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """The normalized x; in training it updates the running statistics."""
        if self.training:
            dims = (0, 2, 3) if x.ndim == 4 else tuple(range(x.ndim - 1))
            mean = x.mean(dims)
            centerd = x - per_feature(mean, x)
            variance = centerd.square().mean(dims)
            count = x.numel() // x.shape[1 if x.ndim == 4 else -1]
            unbiased = variance.detach() * (count / max(1, count - 1))
            for running, now in ((self.running_mean, mean.detach()), (self.running_var, unbiased)):
                running.mul_(1 - self.momentum).add_(now * self.momentum)
        else:
            centerd, variance = x - per_feature(self.running_mean, x), self.running_var
        scale = self.weight * (variance + self.eps).rsqrt()
        return centerd * per_feature(scale, x) + per_feature(self.bias, x)
