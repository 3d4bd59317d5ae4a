"""The residual block: one equation, in which every variant is data."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where a block normalises.

    | placement | pre | inner_post | post | source |
    |---|---|---|---|---|
    | none | – | – | – | |
    | pre | ✓ | – | – | He 2016 (1603.05027), Xiong 2020 (2002.04745) |
    | post | – | – | ✓ | Vaswani 2017 (1706.03762) |
    """

    pre: bool
    inner_post: bool
    post: bool

    @property
    def final(self) -> bool:
        """Whether the stream reaches the head unnormalised although branches are normalised."""
        return (self.pre or self.inner_post) and not self.post


class Residual(nn.Module):
    """A residual scheme: how the stream x and the branch f make the next stream."""

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """The stream after the block; x, f and the result of one shape (B, D)."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """What every block of a network is made of; `normalizer(width)` makes a normalizer, `residual()` a scheme."""

    width: int
    depth: int
    activation: Callable[[], nn.Module]
    placement: Placement
    normalizer: Callable[[int], nn.Module]
    residual: Callable[[], Residual]

    def norm(self, wanted: bool) -> nn.Module:
        """A normalizer, or the identity where none is wanted."""
        return self.normalizer(self.width) if wanted else nn.Identity()


class Block(nn.Module):
    """block(x) = post(combine(x, inner_post(body(pre(x))))), x: (B, D) → (B, D)."""

    def __init__(self, recipe: Recipe, body: nn.Module) -> None:
        super().__init__()
        self.pre = recipe.norm(recipe.placement.pre)
        self.body = body
        self.inner_post = recipe.norm(recipe.placement.inner_post)
        self.residual = recipe.residual()
        self.post = recipe.norm(recipe.placement.post)

    def forward(self, x: Tensor) -> Tensor:
        """The equation."""
        out: Tensor = self.post(self.residual.combine(x, self.inner_post(self.body(self.pre(x)))))
        return out
