"""The diagnosis of a network at initialization: its gains, the depth to which it should train, and why."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.formats import power_of_ten
from resexp.record.result import finite_or_none
from resexp.stats.paired import t_interval
from resexp.theory.trainable import GRADIENT_RANGE, has_converged

# Shapes: R replicates, L blocks.

Array = NDArray[np.float64]


def are_parallel(cosines: Array) -> NDArray[np.bool_]:
    """Return at which of h_0 … h_L inputs are nearly parallel, by the theory's rule for cosines that tend to 1."""
    return has_converged(cosines, 1.0)


@dataclass(frozen=True)
class Gain:
    """The growth of a squared norm per layer.

    Attributes:
        measured: the geometric mean over layers and replicates; None if nothing finite was measured.
        low, high: its 95 % t interval over replicates; None if there are fewer than two.
        predicted: the gain that the theory predicts; None if it does not cover the network.

    """

    measured: float | None
    low: float | None
    high: float | None
    predicted: float | None

    @classmethod
    def of(cls, ratios_R: Array, layers: int, predicted: float | None) -> "Gain":
        """Return the gain from the ratios (R,) of squared norms at the two ends of a stack of `layers`."""
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
    """The result of probing a network at initialization.

    Attributes:
        config: the configuration of a cell, or the arguments if a module was probed.
        name: the cell's name or the module's class.
        gain_forward: of mean h² per block.
        gain_backward: of ‖∂loss/∂h‖² per block, from a block's output to its input.
        layers: the median over replicates of `stream_rms` and `stream_grad` (L + 1,), `weight_grad` (L,),
            `pair_cosine` (L + 1,).
        predicted_trainable_depth: in blocks; None if it is unlimited or unknown.
        diagnosis: a clause that says how deep the network should train, and why.
        no_theory_reason: why the theory does not cover the network; None if it does.

    """

    config: Mapping[str, Any]
    name: str
    gain_forward: Gain
    gain_backward: Gain
    layers: Mapping[str, Array]
    predicted_trainable_depth: float | None
    diagnosis: str
    no_theory_reason: str | None = None

    @property
    def depth(self) -> int:
        """The number of blocks L."""
        return len(self.layers["stream_rms"]) - 1

    def __str__(self) -> str:
        return f"{self.name}: {self.diagnosis}"

    def to_json(self) -> dict[str, Any]:
        """Return the object that `resexp probe --json` prints; non-finite numbers are null."""
        layers = {name: [*map(finite_or_none, values)] for name, values in self.layers.items()}
        gains = {name: vars(getattr(self, name)) for name in ("gain_forward", "gain_backward")}
        summary = {"predicted_trainable_depth": self.predicted_trainable_depth, "diagnosis": self.diagnosis}
        return {"config": dict(self.config), **gains, "layers": layers, **summary}


def measured_depth_limit(backward: Gain, cosines: Array) -> float:
    """Return the depth in blocks to which measured signals last.

    That is the depth at which squared gradients would span GRADIENT_RANGE, or from which on inputs are nearly parallel,
    whichever is less; infinite if neither limits it.
    """
    gain = abs(math.log(backward.measured)) if backward.measured else 0.0
    by_gradient = math.log(GRADIENT_RANGE) / gain if gain > 1e-9 else math.inf
    last_distinct = np.flatnonzero(~are_parallel(cosines))[-1]
    return min(by_gradient, float(last_distinct + 1) if last_distinct < len(cosines) - 1 else math.inf)


def diagnose(depth: int, forward: Gain, backward: Gain, layers: Mapping[str, Array], limit: float, advice: str) -> str:
    """Return a clause that says whether the network should train, and what prevents it.

    Args:
        depth: L.
        forward, backward: the gains.
        layers: as in `ProbeResult`.
        limit: the trainable depth in blocks.
        advice: appended if the network will hardly train.

    """
    rms, cosines = layers["stream_rms"], layers["pair_cosine"]
    if not np.isfinite(rms).all():
        return f"the stream overflows at layer {int(np.argmin(np.isfinite(rms)))}: cannot train{advice}"
    span = depth * math.log10(backward.measured) / 2 if backward.measured else math.nan
    causes = []
    if abs(span) >= math.log10(GRADIENT_RANGE) / 2:
        verb = "falls" if span < 0 else "grows"
        per_layer, factor = math.sqrt(backward.measured or 1.0), power_of_ten(round(span))
        causes.append(f"gradient {verb} by {per_layer:.2f} per block, {factor} at block 1 of {depth}")
    growth = depth * math.log10(forward.measured) / 2 if forward.measured else 0.0
    if growth >= math.log10(GRADIENT_RANGE) / 2:
        causes.append(f"the stream grows {power_of_ten(round(growth))}-fold")
    if are_parallel(cosines)[-1]:
        causes.append(f"inputs become parallel (cosine {cosines[0]:.2f} to {cosines[-1]:.3f} in {depth} blocks)")
    if depth > limit:
        causes = causes or [f"signals last for about {limit:.0f} blocks"]
        return f"{'; '.join(causes)}: will hardly train at depth {depth}{advice}"
    room = f"up to about {limit:.0f} blocks" if math.isfinite(limit) else "at any depth examined"
    return f"{'; '.join(causes)}{': ' if causes else ''}should train {room}"
