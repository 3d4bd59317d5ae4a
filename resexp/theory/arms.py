"""Arms by the names of their options, and the block that they define, as a map of signals.

block(x) = post(combine(x, inner_post(body(pre(x)))))
"""

from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from resexp.config.errors import InputError, nearest
from resexp.nn.placement import Placement, shipped_placements
from resexp.theory.gaussian import ACTIVATIONS

BODIES = {
    "ffn": ("linear", "activation", "linear_gain"),
    "act_linear": ("activation", "linear_gain"),
    "linear_act": ("linear_gain", "activation"),
}
"""The steps of a body; the weights of `linear_gain` compensate for the activation, if the initializer does so."""

VARIANCES = {
    "he": {"linear_gain": 2.0, "linear": 1.0},
    "orthogonal": {"linear_gain": 2.0, "linear": 1.0},
    "lecun": {"linear_gain": 1.0, "linear": 1.0},
    "xavier": {"linear_gain": 1.0, "linear": 1.0},
}
"""fan_in × the variance of square weight matrices by initializer; for mean_field an `Arm` has its own."""

NORMALIZERS = ("layernorm", "rmsnorm", "batchnorm")
RESIDUALS = ("off", "on", "scaled", "skipinit", "rezero", "layerscale", "lns", "deepnorm", "projection")
MODELS = ("mlp",)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A network of `depth` blocks by the names of its options, and the stream that enters the first block.

    Options that are no attribute here have their defaults: expansion 1, gain 1, dropout 0.

    Attributes:
        depth: number of blocks.
        activation: name of the activation φ.
        norm: name of the placement.
        normalizer: name of the normalizer.
        residual: name of the residual scheme.
        body: name of the body.
        init: name of the initializer.
        model: name of the model.
        start: initial α of skipinit, or γ of layerscale.
        weight_variance: σ_w² of init=mean_field.
        bias_variance: σ_b² of init=mean_field.
        second_moment: q, the mean square of the stream before the first block.
        cosine: cosine of two inputs there.
        batch_cosine: mean cosine of the pairs of a batch there, which batch normalization removes; 0 if inputs are
            standardized.

    """

    depth: int
    activation: str = "relu"
    norm: str = "none"
    normalizer: str = "layernorm"
    residual: str = "on"
    body: str = "ffn"
    init: str = "he"
    model: str = "mlp"
    start: float = 0.0
    weight_variance: float = 1.0
    bias_variance: float = 0.0
    second_moment: float = 1.0
    cosine: float = 0.0
    batch_cosine: float = 0.0

    @property
    def placement(self) -> Placement:
        """The placement of the name `norm`. Raises InputError if none of that name is shipped."""
        placements = shipped_placements()
        if self.norm not in placements:
            raise InputError(f"norm={self.norm}: no such placement{nearest(self.norm, placements)}")
        return placements[self.norm]


def unsupported_reason(arm: Arm) -> str | None:
    """Return why the theory does not cover an arm, as `option=value: reason`, or None if it does.

    Raises:
        InputError: no placement of the name `arm.norm` is shipped.

    """
    if arm.residual == "fixup":
        return "residual=fixup: the head starts at 0, so that no gradient reaches the stream"
    if arm.residual == "lns" and not arm.placement.pre:
        return f"residual=lns: it scales the output of a norm before the branch, and norm={arm.norm} has none"
    covered = {
        "model": MODELS,
        "body": tuple(BODIES),
        "activation": ACTIVATIONS,
        "residual": RESIDUALS,
        "init": (*VARIANCES, "mean_field"),
        **({"normalizer": NORMALIZERS} if arm.placement.anywhere else {}),
    }
    for option, values in covered.items():
        if getattr(arm, option) not in values:
            return f"{option}={getattr(arm, option)}: the theory covers {', '.join(values)}"
    return None


class Signal(Protocol):
    """What a block maps: statistics of the stream at infinite width, or a sampled stream of finite width."""

    def times(self, factor: float) -> Self:
        """Multiply by a number."""

    def linear(self, weight: float, bias: float) -> Self:
        """Apply independent random weights of variance `weight`/fan_in and biases of variance `bias`."""

    def activated(self, activation: str) -> Self:
        """Apply an activation."""

    def normalized(self, normalizer: str) -> Self:
        """Apply a normalizer with ε = 0, γ = 1 and β = 0."""

    def plus(self, other: Self) -> Self:
        """Add another signal of the same network."""


S = TypeVar("S", bound=Signal)


@dataclass(frozen=True)
class BlockMap:
    """The blocks of an arm, as maps of a signal.

    Attributes:
        arm: the arm.
        skip: s of the residual scheme s x + α f.
        branch: α.
        variance_factor: what the residual scheme multiplies the variance of the branch's weights by.
        linear_skip: a linear map takes the place of the skip s x.

    """

    arm: Arm
    skip: float = 1.0
    branch: float = 1.0
    variance_factor: float = 1.0
    linear_skip: bool = False

    @classmethod
    def of(cls, arm: Arm) -> "BlockMap":
        """Return the block map of an arm that the theory covers."""
        block, depth = cls(arm), arm.depth
        return {
            "off": replace(block, skip=0.0),
            "scaled": replace(block, branch=depth**-0.5),
            "skipinit": replace(block, branch=arm.start),
            "layerscale": replace(block, branch=arm.start),
            "rezero": replace(block, branch=0.0),
            "deepnorm": replace(block, skip=depth**0.25, variance_factor=(4 * depth) ** -0.5),
            "projection": replace(block, linear_skip=True),
        }.get(arm.residual, block)

    def _linear(self, x: S, step: str, factor: float = 1.0) -> S:
        if self.arm.init == "mean_field":
            return x.linear(factor * self.arm.weight_variance, self.arm.bias_variance)
        return x.linear(factor * VARIANCES[self.arm.init][step], 0.0)

    def _norm(self, x: S, enabled: bool) -> S:
        return x.normalized(self.arm.normalizer) if enabled else x

    def parts(self, x: S, layer: int) -> tuple[S, S]:
        """Return the two summands of block `layer`, counted from 1: the skip and the branch."""
        placement = self.arm.placement
        f = self._norm(x, placement.pre)
        if self.arm.residual == "lns":
            f = f.times(layer**-0.5)
        for step in BODIES[self.arm.body]:
            is_activation = step == "activation"
            f = f.activated(self.arm.activation) if is_activation else self._linear(f, step, self.variance_factor)
        skipped = self._linear(x, "linear") if self.linear_skip else x.times(self.skip)
        return skipped, self._norm(f, placement.inner_post).times(self.branch)

    def __call__(self, x: S, layer: int) -> S:
        """Return the output of block `layer`, counted from 1."""
        skipped, f = self.parts(x, layer)
        return self._norm(skipped.plus(f), self.arm.placement.post)
