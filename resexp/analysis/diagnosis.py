"""What a network at initialization tells of how deep it can be trained, in numbers and in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.record.result import finite_or_none
from resexp.stats.paired import t_interval
from resexp.theory.trainable import RANGE, arrived

# Shapes: R replicates, L blocks.

Array = NDArray[np.float64]


def parallel(cosines: Array) -> NDArray[np.bool_]:
    """Whether inputs are hardly told apart at h_0 … h_L, by the theory's rule, their mean cosine tending to 1."""
    return arrived(cosines, 1.0)


@dataclass(frozen=True)
class Gain:
    """A factor per layer of a squared norm: the geometric mean over layers and replicates, its 95 % t interval.

    `predicted` is the theory's; None where there is none, or where nothing finite was measured.
    """

    measured: float | None
    low: float | None
    high: float | None
    predicted: float | None

    @classmethod
    def of(cls, ratios_R: Array, layers: int, predicted: float | None) -> "Gain":
        """From the ratios of squared norms at the two ends of the `layers`."""
        with np.errstate(all="ignore"):
            logs = np.log(ratios_R) / layers
        logs = logs[np.isfinite(logs)]
        if not len(logs):
            return cls(None, None, None, predicted)
        interval = t_interval(logs)
        low, high = (math.exp(end) if math.isfinite(end) else None for end in (interval.low, interval.high))
        return cls(math.exp(float(logs.mean())), low, high, predicted)


@dataclass(frozen=True)
class ProbeResult:
    """A network at initialization.

    Attributes:
        config: of a cell; what was asked for where a module was given.
        name: in words.
        gain_forward: of mean h², from block to block.
        gain_backward: of ‖∂loss/∂h‖², from a block's output to its input.
        layers: the median over replicates of `stream_rms` and `stream_grad` (L + 1), `weight_grad` (L), `pair_cosine`
            (L + 1).
        predicted_trainable_depth: in blocks; None where nothing limits it, or nothing is known.
        diagnosis: in a sentence.

    """

    config: Mapping[str, Any]
    name: str
    gain_forward: Gain
    gain_backward: Gain
    layers: Mapping[str, Array]
    predicted_trainable_depth: float | None
    diagnosis: str
    theory: str | None = field(default=None)
    """Why there is no theory of it."""

    @property
    def depth(self) -> int:
        """L."""
        return len(self.layers["stream_rms"]) - 1

    def __str__(self) -> str:
        return f"{self.name}: {self.diagnosis}"

    def to_json(self) -> dict[str, Any]:
        """As `resexp probe --json` gives it; what is not finite is null."""
        layers = {name: [*map(finite_or_none, values)] for name, values in self.layers.items()}
        gains = {name: vars(getattr(self, name)) for name in ("gain_forward", "gain_backward")}
        known = {"predicted_trainable_depth": self.predicted_trainable_depth, "diagnosis": self.diagnosis}
        return {"config": dict(self.config), **gains, "layers": layers, **known}


def measured_depth(backward: Gain, cosines: Array) -> float:
    """The depth at which squared gradients span the range, or inputs are parallel to the end; else infinite."""
    gain = abs(math.log(backward.measured)) if backward.measured else 0.0
    by_gradient = math.log(RANGE) / gain if gain > 1e-9 else math.inf
    told_apart = np.flatnonzero(~parallel(cosines))[-1]
    return min(by_gradient, float(told_apart + 1) if told_apart < len(cosines) - 1 else math.inf)


def diagnose(depth: int, forward: Gain, backward: Gain, layers: Mapping[str, Array], limit: float, advice: str) -> str:
    """A sentence: what stands in the way of training, if anything, and what to try."""
    rms, cosines = layers["stream_rms"], layers["pair_cosine"]
    if not np.isfinite(rms).all():
        return (
            f"the stream leaves the range of numbers at layer {int(np.argmin(np.isfinite(rms)))}: cannot train{advice}"
        )
    span = depth * math.log10(backward.measured) / 2 if backward.measured else math.nan
    found = []
    if abs(span) >= math.log10(RANGE) / 2:
        way = "falls" if span < 0 else "grows"
        per_layer = math.sqrt(backward.measured or 1.0)
        found.append(f"gradient {way} by {per_layer:.2f} per block, {_power(span)} at block 1 of {depth}")
    growth = depth * math.log10(forward.measured) / 2 if forward.measured else 0.0
    if growth >= math.log10(RANGE) / 2:
        found.append(f"the stream grows {_power(growth)}-fold")
    if parallel(cosines)[-1]:
        found.append(f"inputs become parallel (cosine {cosines[0]:.2f} to {cosines[-1]:.3f} in {depth} blocks)")
    if depth > limit:
        found = found or [f"signals last for about {limit:.0f} blocks"]
        return f"{'; '.join(found)}: will hardly train at depth {depth}{advice}"
    room = f"up to about {limit:.0f} blocks" if math.isfinite(limit) else "at any depth looked at"
    return f"{'; '.join(found)}{': ' if found else ''}should train {room}"


def _power(exponent: float) -> str:
    digits = str(round(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{digits}"
