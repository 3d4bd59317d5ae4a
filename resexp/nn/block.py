"""The residual block: one equation, in which every variant is data."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}

Linear = Callable[[int, int], nn.Module]
"""Makes a model's linear map from the widths of its input and output: nn.Linear, or a convolution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """Where a block normalizes.

    | placement | pre | inner_post | post | source |
    |---|---|---|---|---|
    | none | – | – | – | |
    | pre | ✓ | – | – | He 2016 (1603.05027), Xiong 2020 (2002.04745) |
    | post | – | – | ✓ | Vaswani 2017 (1706.03762) |
    | peri | ✓ | ✓ | – | Kim 2025 (2502.02732) |
    | res-post | – | ✓ | – | Liu 2022 (2111.09883) |
    """

    pre: bool
    inner_post: bool
    post: bool

    @property
    def anywhere(self) -> bool:
        """Whether the block normalizes at all."""
        return self.pre or self.inner_post or self.post

    @property
    def final(self) -> bool:
        """Whether the stream reaches the head unnormalized although branches are normalized."""
        return (self.pre or self.inner_post) and not self.post


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchPosition:
    """Where a branch stands: in the 1-based `layer` of a network with `branches` branches, on a stream of `width`."""

    width: int
    layer: int
    branches: int


class Residual(nn.Module):
    """A residual scheme: how the stream x and the branch f make the next stream, all of one shape.

    The stream is (B, D), (B, T, D), or (B, D, H, W).
    """

    shared = False
    """Whether one instance serves all branches of a layer."""

    zero_head = False
    """Whether its own initialization also lets the network's head start at 0."""

    def __init__(self, position: BranchPosition, own_init: bool = True) -> None:
        super().__init__()
        self.position, self.own_init = position, own_init

    def enter(self, u: Tensor) -> Tensor:
        """What the branch sees of the normalized stream u."""
        return u

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """The stream after the block."""
        raise NotImplementedError

    def adopt(self, body: nn.Module) -> None:
        """Give the branch the parameters that the scheme asks of it."""

    def init(self, body: nn.Module) -> None:
        """Rescale, in place, what the initialization gave the branch; not called where `own_init` is false."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockConfig:
    """What every block of a network is made of.

    `normalizer(width)` makes a normalizer, `residual(position)` a scheme, `body(linear, config)` a branch.
    """

    width: int
    depth: int
    activation: Callable[[], nn.Module]
    placement: Placement
    normalizer: Callable[[int], nn.Module]
    residual: Callable[[BranchPosition], Residual]
    body: Callable[[Linear, "BlockConfig"], nn.Module]

    def norm(self, wanted: bool) -> nn.Module:
        """A normalizer, or the identity where none is wanted."""
        return self.normalizer(self.width) if wanted else nn.Identity()


def blocks(config: BlockConfig, *bodies: Callable[[], nn.Module]) -> nn.Sequential:
    """`depth` layers, each a block for each of `bodies`."""
    built: list[Block] = []
    for layer in range(1, config.depth + 1):
        position = BranchPosition(width=config.width, layer=layer, branches=config.depth * len(bodies))
        residual = config.residual(position)
        for number, body in enumerate(bodies):
            if number and not residual.shared:
                residual = config.residual(position)
            built.append(Block(config, body(), residual))
    return nn.Sequential(*built)


class Block(nn.Module):
    """block(x) = post(combine(skip(x), inner_post(body(enter(pre(x)))))).

    `skip` is the identity but where the shape of the stream changes; there, `incoming` is the config before the change.
    """

    def __init__(
        self,
        config: BlockConfig,
        body: nn.Module,
        residual: Residual,
        skip: nn.Module | None = None,
        incoming: BlockConfig | None = None,
    ) -> None:
        super().__init__()
        self.pre = (incoming or config).norm(config.placement.pre)
        self.body = body
        self.inner_post = config.norm(config.placement.inner_post)
        self.residual = residual
        self.skip = skip or nn.Identity()
        self.post = config.norm(config.placement.post)
        residual.adopt(body)

    def forward(self, x: Tensor) -> Tensor:
        """The equation."""
        f = self.inner_post(self.body(self.residual.enter(self.pre(x))))
        out: Tensor = self.post(self.residual.combine(self.skip(x), f))
        return out
