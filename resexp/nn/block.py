"""The residual block: one equation for every placement, normalizer, residual scheme and body.

Shapes: a stream is (B, D), (B, T, D) or (B, D, H, W), with B samples, D features, T tokens, H × W pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from typing_extensions import override

from resexp.nn.placement import Placement

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "identity": nn.Identity,
}

LINEAR_LAYERS = (nn.Linear, nn.Conv2d)

Linear = Callable[[int, int], nn.Module]
"""Makes a linear layer of a model from its input and output width: nn.Linear, or a convolution."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BranchPosition:
    """The position of a residual branch in its network.

    Attributes:
        width: features D of the stream.
        layer: the layer of the branch, counted from 1.
        branches: number of branches of the network.

    """

    width: int
    layer: int
    branches: int


class Residual(nn.Module):
    """Base class of residual schemes: combines the stream x and the branch output f, all of one shape.

    Args:
        position: the position of the branch.
        own_init: apply the scheme's own initialization, `init`.

    """

    shared = False
    """True if one instance serves all branches of a layer."""

    zero_head = False
    """True if the scheme's own initialization also sets the head of the network to 0."""

    def __init__(self, position: BranchPosition, own_init: bool = True) -> None:
        super().__init__()
        self.position, self.own_init = position, own_init

    def enter(self, u: Tensor) -> Tensor:
        """Return the input of the branch, given the normalized stream u. Default: u."""
        return u

    def combine(self, x: Tensor, f: Tensor) -> Tensor:
        """Return the next stream."""
        raise NotImplementedError

    def attach(self, body: nn.Module) -> None:
        """Register extra parameters on `body`, for example Fixup's biases. Default: none."""

    def init(self, body: nn.Module) -> None:
        """Rescale the initial weights of `body` in place. Default: no change. Not called if `own_init` is false."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockConfig:
    """The configuration of the blocks of a network.

    Attributes:
        width: features D of the stream.
        depth: number of layers.
        activation: makes φ.
        placement: at which points a block normalizes.
        normalizer: makes a normalizer from a width.
        residual: makes a residual scheme from a position.
        body: makes a branch from the model's kind of linear layer and this configuration.

    """

    width: int
    depth: int
    activation: Callable[[], nn.Module]
    placement: Placement
    normalizer: Callable[[int], nn.Module]
    residual: Callable[[BranchPosition], Residual]
    body: Callable[[Linear, "BlockConfig"], nn.Module]

    def norm(self, enabled: bool) -> nn.Module:
        """Return a normalizer if `enabled`, else the identity."""
        return self.normalizer(self.width) if enabled else nn.Identity()


def blocks(config: BlockConfig, *bodies: Callable[[], nn.Module]) -> nn.Sequential:
    """Return `config.depth` layers, each with one block per element of `bodies`."""
    network: list[Block] = []
    for layer in range(1, config.depth + 1):
        position = BranchPosition(width=config.width, layer=layer, branches=config.depth * len(bodies))
        residual = config.residual(position)
        for number, body in enumerate(bodies):
            if number and not residual.shared:
                residual = config.residual(position)
            network.append(Block(config, body(), residual))
    return nn.Sequential(*network)


class Block(nn.Module):
    """block(x) = post(combine(skip(x), inner_post(body(enter(pre(x)))))).

    Args:
        config: the configuration of the block.
        body: the branch.
        residual: the residual scheme, with `enter` and `combine`.
        skip: a map for x if the block changes the shape of the stream, else the identity.
        incoming: the configuration for `pre` if the block changes the width.

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
        residual.attach(body)

    @override
    def forward(self, x: Tensor) -> Tensor:
        f = self.inner_post(self.body(self.residual.enter(self.pre(x))))
        out: Tensor = self.post(self.residual.combine(self.skip(x), f))
        return out


def signal_path(body: nn.Module) -> list[nn.Linear | nn.Conv2d]:
    """Return the linear layers of a branch that carry the signal, in order: all but those named in `body.aside`."""
    aside = getattr(body, "aside", ())
    return [m for name, m in body.named_modules() if isinstance(m, LINEAR_LAYERS) and name not in aside]


def feature_axes(x: Tensor) -> tuple[int, ...]:
    """Return the axes that a normalizer of features reduces: those of a sample, or of a token."""
    return (1, 2, 3) if x.ndim == 4 else (-1,)


def per_feature(vector: Tensor, x: Tensor) -> Tensor:
    """Reshape a vector (D,) to broadcast over the features of the stream x."""
    return vector[:, None, None] if x.ndim == 4 else vector
