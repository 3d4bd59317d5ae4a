"""Probe a network before training: one forward and backward pass, with the prediction of mean-field theory."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resexp.analysis.diagnosis import Array, Gain, ProbeResult, diagnose, measured_depth_limit
from resexp.build import build, check_available, cpu_threads, load_data
from resexp.cells.theory_arm import no_theory_reason, theory_arm
from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.diagnostics.probe import cross_entropy, first_tensor, probe_of
from resexp.diagnostics.suite import Suite
from resexp.engine.layer_diagnostics import LayerDiagnostics
from resexp.record.result import finite_or_none
from resexp.theory import Prediction, predict, trainable_depth, unsupported_reason

MAX_DEPTH = 512
"""Number of blocks up to which the theory searches for the trainable depth."""

QUANTITIES = ("stream_rms", "stream_grad", "weight_grad", "pair_cosine")
"""The measured quantities."""


def probe_cell(cell: Cell) -> ProbeResult:
    """Probe the replicates of a cell at initialization.

    Raises:
        InputError: data, a class or the device are not available.

    """
    check_available(cell)
    data = load_data(cell)
    with cpu_threads(cell.settings.threads):
        training = build(cell, cell.settings.seed_list, data)
        layer_diagnostics = LayerDiagnostics(Suite(QUANTITIES, ()), training.pack, training.data, training.optimizer)

        def measure(**changes: Any) -> Mapping[str, Any]:
            layer_diagnostics.probe = replace(layer_diagnostics.probe, **changes)
            return layer_diagnostics.measure(0).values

        values, note = _measure_with_gradient(measure)
    arm = theory_arm(cell, *(float(np.median(values[name][:, 0])) for name in ("stream_rms", "pair_cosine")))
    reason = no_theory_reason(cell) or unsupported_reason(arm)
    is_default = (cell.choices["norm"], cell.choices["residual"]) == ("pre", "on")
    advice = "" if is_default else "; try norm=pre residual=on"
    prediction = None if reason else predict(arm)
    limit = None if reason else trainable_depth(arm, max_depth=MAX_DEPTH)
    depth = limit.depth if limit else math.nan
    return _probe_result(values, cell.config, cell.name, prediction, depth, advice, reason, note)


def probe_module(
    module: nn.Module,
    batch: Tensor | tuple[Tensor, Tensor],
    loss: Callable[[Any, Tensor], Tensor] | None = None,
    blocks: str | None = None,
) -> ProbeResult:
    """Probe a module in training mode; see `resexp.probe`."""
    x, y = batch if isinstance(batch, tuple) else (batch, None)
    if not isinstance(x, Tensor) or not len(x):
        raise InputError("batch: expected a tensor of at least one input, or a pair of it and targets")
    modes = {part: part.training for part in module.modules()}
    loss = loss or (_along_random_direction if y is None else cross_entropy)
    try:
        probe = probe_of(module.train(), x, torch.zeros(0) if y is None else y, blocks, loss=loss)
        with torch.inference_mode(False), torch.enable_grad():
            suite = Suite(QUANTITIES, ())
            values, note = _measure_with_gradient(lambda **changes: suite(replace(probe, **changes), expensive=False))
    finally:
        for part, mode in modes.items():
            part.training = mode
    config, name = {"blocks": list(probe.blocks)}, type(module).__name__
    return _probe_result(values, config, name, None, math.nan, "", "a module", note)


def _measure_with_gradient(measure: Callable[..., Mapping[str, Any]]) -> tuple[dict[str, Array], str]:
    """Return the values of `measure`, without the head if its gradient is zero, and a note that says so.

    Args:
        measure: takes changed fields of the Probe, and returns values of replicates by quantity.

    """
    values, note = measure(), ""
    if not values["stream_grad"].any():
        values = measure(headless=True, loss=_along_random_direction)
        note = "the head passes no gradient yet, so the gradient is taken at the end of the stream; "
    return {name: torch.as_tensor(v, dtype=torch.float64).numpy(force=True) for name, v in values.items()}, note


def _along_random_direction(output: Any, _: Tensor) -> Tensor:
    """A loss without targets: the mean over samples of the output's component along a fixed random direction."""
    first = first_tensor(output)
    output_BD = first.reshape(len(first) if first.ndim else 1, -1)
    direction_D = torch.randn(output_BD.shape[1], generator=torch.Generator().manual_seed(0))
    return (output_BD @ direction_D.to(output_BD)).mean()


def _probe_result(
    values: Mapping[str, Array],
    config: Mapping[str, Any],
    name: str,
    prediction: Prediction | None,
    depth: float,
    advice: str,
    reason: str | None,
    note: str,
) -> ProbeResult:
    count = values["stream_rms"].shape[1] - 1
    with np.errstate(all="ignore"):
        ratios = [
            (values[n][:, a] / values[n][:, b]) ** 2 for n, a, b in (("stream_rms", -1, 0), ("stream_grad", 0, -1))
        ]
    forward, backward = (
        Gain.of(ratio, count, finite_or_none(getattr(prediction, gain)) if prediction else None)
        for ratio, gain in zip(ratios, ("gain_forward", "gain_backward"), strict=True)
    )
    layers = {n: np.median(v, axis=0) for n, v in values.items()}
    limit = measured_depth_limit(backward, layers["pair_cosine"]) if math.isnan(depth) else depth
    diagnosis = note + diagnose(count, forward, backward, layers, limit, advice)
    return ProbeResult(config, name, forward, backward, layers, finite_or_none(limit), diagnosis, reason)
