"""Multi-head self-attention."""

import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from resexp.config.errors import InputError
from resexp.nn.dropout import dropout_of


class Attention(nn.Module):
    """out(drop(softmax(q kᵀ/√(D/h)) v)) over the tokens of u, (B, T, D) → (B, T, D), in h heads.

    Vaswani 2017 (1706.03762), section 3.2. 4·D·(D + 1) parameters, those of the linear maps q, k, v and out.

    Args:
        width: features D.
        heads: number of heads h; divides D.
        causal: a token attends to itself and to earlier tokens only.
        dropout: the rate of drop.

    Raises:
        InputError: `heads` does not divide `width`.

    """

    aside = ("q", "k")
    """Layers that weigh tokens and do not carry the signal."""

    def __init__(self, width: int, heads: int, *, causal: bool, dropout: float = 0.0) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise InputError(f"model.heads={heads}: does not divide the width {width}")
        self.heads, self.causal = heads, causal
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.dropout = dropout_of(dropout)
        self.out = nn.Linear(width, width)

    @override
    def forward(self, u: Tensor) -> Tensor:
        q, k, v = (layer(u).unflatten(-1, (self.heads, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        out: Tensor = self.out(self.dropout(mixed.transpose(1, 2).flatten(2)))
        return out
