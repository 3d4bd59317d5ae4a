"""Networks at initialization, measured in the quantities that the theory predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from resexp.build import block_config, factory
from resexp.config.compose import Composer
from resexp.nn.initialize import initialize
from resexp.nn.models import Task
from resexp.theory import Arm, predict

BATCH = 64
BIAS, BATCH_BIAS = 4.0, 2.5
"""Allowed deviation per block beyond the standard error: BIAS/n, and with BatchNorm BATCH_BIAS/B more.

ffn has κ = 7, which shifts mean logarithms by 3.5/n per block; the gradient of LayerNorm adds terms of order 1/n. For
BatchNorm the theory is the limit of large batches.
"""
OPTIONS = ("activation", "norm", "residual", "body", "init", "model", "depth")


@dataclass(frozen=True)
class Measurements:
    """Measurements of S seeds, each (S, L + 1).

    Attributes:
        log_moments: ln mean h² over all inputs.
        log_moments_each: mean over inputs of ln mean h² of one input.
        log_gradients: ln ‖∂loss/∂h_l‖² relative to the last stream.
        cosines: mean cosine of pairs of inputs.

    """

    log_moments: np.ndarray
    log_moments_each: np.ndarray
    log_gradients: np.ndarray
    cosines: np.ndarray


def overrides(arm: Arm, width: int) -> list[str]:
    """Return the command-line overrides of an arm."""
    result = [f"{option}={getattr(arm, option)}" for option in OPTIONS] + [f"width={width}"]
    result += [f"normalizer={arm.normalizer}"]
    result += [f"residual.start={arm.start}"] if arm.residual in ("skipinit", "layerscale") else []
    if arm.init == "mean_field":
        result += [f"init.weight_variance={arm.weight_variance}", f"init.bias_variance={arm.bias_variance}"]
    return result


def measure(composer: Composer, arm: Arm, width: int, seeds: Sequence[int], batch: int = BATCH) -> Measurements:
    """Measure the blocks of an arm in float64, on Gaussian streams of its statistics, under random linear losses."""
    cell = composer.cell(composer.normalize(overrides(arm, width)))
    model, config, initializer = factory(cell.options["model"]), block_config(cell), factory(cell.options["init"])()

    def network(seed):
        return initialize(lambda: model(config, Task((width,), width)), seed, initializer)

    runs = [_measure_network(network(seed), arm, width, batch, seed) for seed in seeds]
    return Measurements(*map(np.array, zip(*runs, strict=True)))


def _measure_network(network, arm, width, batch, seed):
    rng = torch.Generator().manual_seed(seed)
    own, shared, cotangent = (torch.randn(b, width, generator=rng, dtype=torch.float64) for b in (batch, 1, batch))
    network = network.double()
    start = arm.second_moment**0.5 * (arm.cosine**0.5 * shared + (1 - arm.cosine) ** 0.5 * own)
    streams = [start.requires_grad_()]
    for block in network.blocks:
        streams.append(block(streams[-1]))
    gradients = torch.autograd.grad(network.head(network.final(streams[-1])), streams, cotangent)
    h, g = torch.stack(streams).detach(), torch.stack(gradients)
    unit = torch.nn.functional.normalize(h, dim=-1)
    cosines = (unit.sum(1).square().sum(-1) - batch) / (batch * (batch - 1))
    norms = g.square().sum((1, 2)).log()
    moments = h.square().mean(-1)
    return moments.mean(-1).log().numpy(), moments.log().mean(-1).numpy(), (norms - norms[-1]).numpy(), cosines.numpy()


@dataclass(frozen=True)
class Gap:
    """Measured minus predicted: mean over seeds, its standard error, and the allowed deviation beyond that."""

    mean: float
    error: float
    allowed: float

    @property
    def within(self) -> bool:
        """True if the mean is within four standard errors plus the allowed deviation."""
        return abs(self.mean) <= 4 * self.error + self.allowed


def gaps(composer: Composer, arm: Arm, width: int, seeds: Sequence[int]) -> dict[str, Gap]:
    """Compare ln of the forward and backward gains per block, and the cosine after the last block."""
    measured, predicted = measure(composer, arm, width, seeds), predict(arm)
    allowed = BIAS / width + (BATCH_BIAS / BATCH if arm.normalizer == "batchnorm" and arm.placement.anywhere else 0.0)
    moments, gradients = np.log(predicted.second_moments), np.log(predicted.gradients)
    per_seed = {
        "forward": (measured.log_moments[:, -1] - measured.log_moments[:, 0] - moments[-1] + moments[0]) / arm.depth,
        "backward": (measured.log_gradients[:, 0] - gradients[0]) / arm.depth,
        "cosine": measured.cosines[:, -1] - predicted.cosines[-1],
    }
    return {k: Gap(float(v.mean()), float(v.std(ddof=1) / len(v) ** 0.5), allowed) for k, v in per_seed.items()}
