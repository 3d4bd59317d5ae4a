"""Singular values of the Jacobian of the stream, ∂h_L/∂h_0, of single inputs."""

import math
from functools import cached_property

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe, replicate_norms

# Shapes: R replicates, B batch, S measured inputs, n values in the stream of one input.

MAX_INPUTS = 4
MAX_WIDTH = 128
"""Up to this width the Jacobian is computed as a matrix."""

ITERATIONS = 20
"""Of the power iteration for σ_max beyond that width."""

COTANGENTS = 8
"""Random vectors that estimate ‖J‖_F beyond that width."""


def jacobian_max(probe: Probe) -> Tensor:
    """Largest singular value σ_max of ∂h_L/∂h_0, averaged over up to 4 inputs.

    Exact up to width 128, otherwise a lower bound by 20 power iterations.

    Shape: (R,).
    Unit: 1.
    Cost: one backward pass per feature of the stream, or 40.
    Reference: Pennington 2017 (1711.04735).
    """
    values = _singular_values(probe)
    return (Jacobian(probe).largest() if values is None else values[..., 0]).mean(1)


def jacobian_median(probe: Probe) -> Tensor | None:
    """Median singular value of ∂h_L/∂h_0, averaged over up to 4 inputs; None above width 128.

    Shape: (R,).
    Unit: 1.
    Cost: none beyond that of `jacobian_max`.
    Reference: Pennington 2017 (1711.04735).
    """
    values = _singular_values(probe)
    return None if values is None else values.quantile(0.5, dim=2).mean(1)


def jacobian_rms(probe: Probe) -> Tensor:
    """Root mean square singular value of ∂h_L/∂h_0, ‖J‖_F/√n, averaged over up to 4 inputs.

    1 under dynamical isometry. Exact up to width 128, otherwise estimated with 8 random cotangents.

    Shape: (R,).
    Unit: 1.
    Cost: none beyond that of `jacobian_max`, or 8 backward passes.
    Reference: Pennington 2017 (1711.04735).
    """
    values = _singular_values(probe)
    return (Jacobian(probe).rms() if values is None else _root_mean_square(values)).mean(1)


class Jacobian:
    """The Jacobians J = ∂h_L/∂h_0 of single inputs, with the others in the batch fixed.

    S is up to 4, or 1 if the inputs depend on each other, as with batch normalization. If they do not, the batch is cut
    down to the S inputs.
    """

    def __init__(self, probe: Probe) -> None:
        self.count = 1 if probe.mixes_samples else min(MAX_INPUTS, len(probe.x))
        self.probe = probe.first_samples(self.count)
        self.perturbations = self.probe.perturbations()
        self.start = self.perturbations[0]
        self.generator = probe.generator("jacobian")

    @cached_property
    def end(self) -> Tensor:
        """h_L as a function of the perturbations, (R, B, …)."""
        return self.probe.run(perturbations=self.perturbations).streams[-1]

    def matrix(self) -> Tensor | None:
        """Return J, (R, S, n, n); None unless the stream is (B, width) with width ≤ 128."""
        start, end = self.start.shape, self.perturbations[-1].shape
        if len(start) != 3 or max(start[2], end[2]) > MAX_WIDTH:
            return None
        units = torch.eye(end[2], dtype=self.start.dtype, device=self.start.device)
        if start[1] == self.count > 1:  # one copy of the inputs per row; not for a single one, which may mix
            copies = self.probe.repeated(len(units) * self.count)
            perturbations = copies.perturbations()
            h, cotangents = copies.run(perturbations=perturbations).streams[-1], units.repeat_interleave(self.count, 0)
            (rows,) = torch.autograd.grad(h, perturbations[0], cotangents.expand_as(h))
            return rows.reshape(len(rows), len(units), self.count, -1).movedim(1, 2)
        cotangents = units.new_zeros(len(units), *end)
        cotangents[:, :, : self.count] = units[:, None, None]
        (rows,) = torch.autograd.grad(self.end, self.start, cotangents, is_grads_batched=True)
        return rows[:, :, : self.count].movedim(0, 2)

    def singular_values(self) -> Tensor | None:
        """Return all singular values in descending order, (R, S, n); None if J is not computed as a matrix."""
        jacobian = self.matrix()
        if jacobian is None:
            return None
        finite = jacobian.isfinite().all(-1).all(-1)
        values: Tensor = torch.linalg.svdvals(jacobian.double().nan_to_num(0.0, 0.0, 0.0))
        return values.where(finite[..., None], torch.nan)

    def largest(self) -> Tensor:
        """Return a lower bound of σ_max, (R, S), by power iteration on JᵀJ."""
        v = self._random_like(self.start)
        dual = torch.zeros_like(self.end, requires_grad=True)
        (pulled_back,) = torch.autograd.grad(self.end, self.start, dual, create_graph=True)
        for _ in range(ITERATIONS):
            v = v / self._norms(v).to(v.dtype).clamp_min(torch.finfo(v.dtype).tiny)
            (pushed,) = torch.autograd.grad(pulled_back, dual, v, retain_graph=True)
            pushed = self._measured_only(pushed)
            (v,) = torch.autograd.grad(self.end, self.start, pushed, retain_graph=True)
            v = self._measured_only(v)
        return self._norms(pushed).flatten(2)[:, : self.count, 0]

    def rms(self) -> Tensor:
        """Return an estimate of ‖J‖_F/√n, (R, S), from E‖Jᵀu‖², u ~ N(0, I)."""
        total = torch.zeros(1, dtype=torch.float64, device=self.end.device)
        for _ in range(COTANGENTS):
            (v,) = torch.autograd.grad(self.end, self.start, self._random_like(self.end), retain_graph=True)
            total = total + self._norms(self._measured_only(v)).square() / COTANGENTS
        size = self.end[0, 0].numel()
        return (total / size).sqrt().flatten(2)[:, : self.count, 0]

    def _random_like(self, like: Tensor) -> Tensor:
        """Draw the same normal values for each replicate, 0 at the inputs that are not measured."""
        values = torch.randn(like.shape[1:], generator=self.generator, dtype=like.dtype).to(like.device)
        return self._measured_only(values.expand_as(like).clone())

    def _measured_only(self, v: Tensor) -> Tensor:
        v[:, self.count :] = 0
        return v

    @staticmethod
    def _norms(v: Tensor) -> Tensor:
        """Return the norm of each input's part of v, (R, B, 1, …), which broadcasts with v."""
        norms = replicate_norms(v.flatten(0, 1)).view(v.shape[:2])
        return norms.view(*v.shape[:2], *(1 for _ in v.shape[2:]))


def _singular_values(probe: Probe) -> Tensor | None:
    """Return all singular values, (R, S, n), computed once per probe; None if too many."""
    if "jacobian" not in probe.cache:
        probe.cache["jacobian"] = Jacobian(probe).singular_values()
    values: Tensor | None = probe.cache["jacobian"]
    return values


def _root_mean_square(values: Tensor) -> Tensor:
    """Return √mean σ² over the last axis."""
    return replicate_norms(values.flatten(0, 1)).view(values.shape[:2]) / math.sqrt(values.shape[2])
