"""Delta-orthogonal initialization of convolutions."""

import torch
from torch import Tensor
from typing_extensions import override

from resexp.nn.initializers.orthogonal import Orthogonal


class DeltaOrthogonal(Orthogonal):
    """Kernels are 0 except at their center, an orthogonal matrix as of `Orthogonal`. Xiao 2018 (1806.05393).

    Linear layers are those of `Orthogonal`; biases are 0.
    """

    @override
    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        if weight.ndim == 2:
            super().weight(weight, beside_activation, generator)
            return
        center = weight.new_empty(weight.shape[:2])
        super().weight(center, beside_activation, generator)
        weight.zero_()
        weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] = center
