"""Delta-orthogonal convolutions."""

import torch
from torch import Tensor

from resexp.nn.initializers.orthogonal import Orthogonal


class DeltaOrthogonal(Orthogonal):
    """Convolutions, 0 but at their center, where an orthogonal matrix stands. Xiao 2018 (1806.05393).

    Linear layers are orthogonal.
    """

    def weight(self, weight: Tensor, beside_activation: bool, generator: torch.Generator) -> None:
        """Fill `weight` in place."""
        if weight.ndim == 2:
            super().weight(weight, beside_activation, generator)
            return
        center = weight.new_empty(weight.shape[:2])
        super().weight(center, beside_activation, generator)
        weight.zero_()
        weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] = center
