"""The Jacobian of the stream, ∂h_L/∂h_0, of single inputs."""

import math
from functools import cached_property

import torch
from torch import Tensor

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.stream_rms import row_norms

# Shapes: R replicates, S inputs that are looked at, n values of the stream of an input.

INPUTS, EXACT, ITERATIONS, DRAWS = 4, 128, 20, 8


class Jacobian:
    """J of up to 4 inputs one by one, of just one where inputs depend on one another as behind a norm over the batch.

    The probe is cut down to these inputs unless they depend on the others.
    """

    def __init__(self, probe: Probe) -> None:
        self.count = 1 if probe.mixes else min(INPUTS, len(probe.x))
        self.probe = probe.few(self.count)
        self.taps = self.probe.taps()
        self.start = self.taps[0]
        self.generator = probe.generator("jacobian")

    @cached_property
    def end(self) -> Tensor:
        """h_L, (R, B, …)."""
        return self.probe.run(taps=self.taps).streams[-1]

    def matrix(self) -> Tensor | None:
        """J itself, (R, S, n, n); None where the stream is not of width ≤ 128 throughout."""
        start, end = self.start.shape, self.taps[-1].shape
        if len(start) != 3 or max(start[2], end[2]) > EXACT:
            return None
        units = torch.eye(end[2], dtype=self.start.dtype, device=self.start.device)
        if start[1] == self.count > 1:  # a copy of the inputs for each row; whether one alone mixes is not known
            copies = self.probe.repeated(len(units) * self.count)
            taps = copies.taps()
            h, cotangents = copies.run(taps=taps).streams[-1], units.repeat_interleave(self.count, 0)
            (rows,) = torch.autograd.grad(h, taps[0], cotangents.expand_as(h))
            return rows.reshape(len(rows), len(units), self.count, -1).movedim(1, 2)
        cotangents = units.new_zeros(len(units), *end)
        cotangents[:, :, : self.count] = units[:, None, None]
        (rows,) = torch.autograd.grad(self.end, self.start, cotangents, is_grads_batched=True)
        return rows[:, :, : self.count].movedim(0, 2)

    def singular_values(self) -> Tensor | None:
        """All of them, (R, S, n) from the largest down; None where J is not computed exactly."""
        jacobian = self.matrix()
        if jacobian is None:
            return None
        finite = jacobian.isfinite().all(-1).all(-1)
        values: Tensor = torch.linalg.svdvals(jacobian.double().nan_to_num(0.0, 0.0, 0.0))
        return values.where(finite[..., None], torch.nan)

    def largest(self) -> Tensor:
        """σ_max of the inputs, (R, S), by power iteration on JᵀJ; a lower bound."""
        v = self._random(self.start)
        dual = torch.zeros_like(self.end, requires_grad=True)
        (pulled,) = torch.autograd.grad(self.end, self.start, dual, create_graph=True)
        for _ in range(ITERATIONS):
            v = v / self._norms(v).to(v.dtype).clamp_min(torch.finfo(v.dtype).tiny)
            (pushed,) = torch.autograd.grad(pulled, dual, v, retain_graph=True)
            pushed = self._looked_at(pushed)
            (v,) = torch.autograd.grad(self.end, self.start, pushed, retain_graph=True)
            v = self._looked_at(v)
        return self._norms(pushed).flatten(2)[:, : self.count, 0]

    def rms(self) -> Tensor:
        """‖J‖_F/√n of the inputs, (R, S), by E‖Jᵀu‖² over 8 draws of u ~ N(0, I)."""
        total = torch.zeros(1, dtype=torch.float64, device=self.end.device)
        for _ in range(DRAWS):
            (v,) = torch.autograd.grad(self.end, self.start, self._random(self.end), retain_graph=True)
            total = total + self._norms(self._looked_at(v)).square() / DRAWS
        size = self.end[0, 0].numel()
        return (total / size).sqrt().flatten(2)[:, : self.count, 0]

    def _random(self, like: Tensor) -> Tensor:
        drawn = torch.randn(like.shape[1:], generator=self.generator, dtype=like.dtype).to(like.device)
        return self._looked_at(drawn.expand_as(like).clone())

    def _looked_at(self, v: Tensor) -> Tensor:
        v[:, self.count :] = 0
        return v

    @staticmethod
    def _norms(v: Tensor) -> Tensor:
        """The norm of each input's part, shaped to be divided by."""
        norms = row_norms(v.flatten(0, 1)).view(v.shape[:2])
        return norms.view(*v.shape[:2], *(1 for _ in v.shape[2:]))


def exact(probe: Probe) -> Tensor | None:
    """All singular values, (R, S, n), computed once for all quantities that ask for them."""
    if "jacobian" not in probe.known:
        probe.known["jacobian"] = Jacobian(probe).singular_values()
    known: Tensor | None = probe.known["jacobian"]
    return known


def root_mean_square(values: Tensor) -> Tensor:
    """√mean σ² over the last axis; ‖J‖_F/√n."""
    return row_norms(values.flatten(0, 1)).view(values.shape[:2]) / math.sqrt(values.shape[2])
