"""An arm by the names of its choices, and the block that they make: one equation, for whatever flows through it.

block(x) = post(combine(x, inner_post(body(pre(x)))))
"""

from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

from resexp.config.errors import InputError, nearest
from resexp.nn.placement import Placement, shipped_placements
from resexp.theory.gaussian import ACTIVATIONS

BODIES = {"ffn": ("aside", "act", "beside"), "act_linear": ("act", "beside"), "linear_act": ("beside", "act")}
"""The steps of a body: the activation, and linear maps beside or aside of where He makes up for it."""

VARIANCES = {
    "he": {"beside": 2.0, "aside": 1.0},
    "orthogonal": {"beside": 2.0, "aside": 1.0},
    "lecun": {"beside": 1.0, "aside": 1.0},
    "xavier": {"beside": 1.0, "aside": 1.0},
}
"""fan_in × the variance of square weights by initialization; mean_field's are the arm's own."""

NORMALIZERS = ("layernorm", "rmsnorm", "batchnorm")
RESIDUALS = ("off", "on", "scaled", "skipinit", "rezero", "layerscale", "lns", "deepnorm", "projection")
MODELS = ("mlp",)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The choices of a network of `depth` blocks, by the names of the options, and the stream that enters it.

    Keys of the options that are no attribute here have their defaults: expansion 1, gain 1, dropout 0.

    Attributes:
        start: the initial α of skipinit or γ of layerscale.
        weight_variance: σ_w² of init=mean_field.
        bias_variance: σ_b² of init=mean_field.
        second_moment: q of the stream before the first block.
        cosine: of two inputs there.
        batch_cosine: the mean over pairs of a batch there, which batch normalization takes off; 0 after standardizing.

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
        """The placement named `norm`. Raises InputError if no such placement is shipped."""
        placements = shipped_placements()
        if self.norm not in placements:
            raise InputError(f"norm={self.norm}: no such placement{nearest(self.norm, placements)}")
        return placements[self.norm]


def without_theory(arm: Arm) -> str | None:
    """Why there is no theory of the arm, as `choice=option: reason`; None where there is one."""
    if arm.residual == "fixup":
        return "residual=fixup: the head starts at 0, so that no gradient reaches the stream"
    if arm.residual == "lns" and not arm.placement.pre:
        return f"residual=lns: it scales what a norm before the branch gives, and norm={arm.norm} has none"
    covered = {
        "model": MODELS,
        "body": tuple(BODIES),
        "activation": ACTIVATIONS,
        "residual": RESIDUALS,
        "init": (*VARIANCES, "mean_field"),
        **({"normalizer": NORMALIZERS} if arm.placement.anywhere else {}),
    }
    for choice, options in covered.items():
        if getattr(arm, choice) not in options:
            return f"{choice}={getattr(arm, choice)}: the theory covers {', '.join(options)}"
    return None


class Flow(Protocol):
    """What flows through a block: the statistics of a wide network's stream, or the stream of a narrow one."""

    def times(self, factor: float) -> Self:
        """Multiplied by a number."""

    def linear(self, weight: float, bias: float) -> Self:
        """After fresh weights of variance `weight`/fan_in and biases of variance `bias`."""

    def activated(self, activation: str) -> Self:
        """After the activation."""

    def normalized(self, normalizer: str) -> Self:
        """After the normalizer, whose ε is neglected."""

    def plus(self, other: Self) -> Self:
        """The sum."""


S = TypeVar("S", bound=Flow)


@dataclass(frozen=True)
class Block:
    """An arm's blocks in numbers.

    Attributes:
        skip: s of the residual scheme s x + α f.
        branch: α.
        shrink: what multiplies the variance of the branch's weights.
        mixed: whether the skip is a linear map, in place of s.

    """

    arm: Arm
    skip: float = 1.0
    branch: float = 1.0
    shrink: float = 1.0
    mixed: bool = False

    @classmethod
    def of(cls, arm: Arm) -> "Block":
        """The block of an arm that has a theory."""
        block, depth = cls(arm), arm.depth
        return {
            "off": replace(block, skip=0.0),
            "scaled": replace(block, branch=depth**-0.5),
            "skipinit": replace(block, branch=arm.start),
            "layerscale": replace(block, branch=arm.start),
            "rezero": replace(block, branch=0.0),
            "deepnorm": replace(block, skip=depth**0.25, shrink=(4 * depth) ** -0.5),
            "projection": replace(block, mixed=True),
        }.get(arm.residual, block)

    def _linear(self, x: S, place: str, shrink: float = 1.0) -> S:
        if self.arm.init == "mean_field":
            return x.linear(shrink * self.arm.weight_variance, self.arm.bias_variance)
        return x.linear(shrink * VARIANCES[self.arm.init][place], 0.0)

    def _norm(self, x: S, wanted: bool) -> S:
        return x.normalized(self.arm.normalizer) if wanted else x

    def parts(self, x: S, layer: int) -> tuple[S, S]:
        """The skip and the branch of block `layer`, from 1, as they are added."""
        placement = self.arm.placement
        f = self._norm(x, placement.pre)
        if self.arm.residual == "lns":
            f = f.times(layer**-0.5)
        for step in BODIES[self.arm.body]:
            f = f.activated(self.arm.activation) if step == "act" else self._linear(f, step, self.shrink)
        skipped = self._linear(x, "aside") if self.mixed else x.times(self.skip)
        return skipped, self._norm(f, placement.inner_post).times(self.branch)

    def __call__(self, x: S, layer: int) -> S:
        """What flows out of block `layer`, from 1."""
        skipped, f = self.parts(x, layer)
        return self._norm(skipped.plus(f), self.arm.placement.post)
