"""A cell as the theory sees it: its arm, and the predicted profiles of its layers."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.config.cell import Cell
from resexp.nn.placement import shipped_placements
from resexp.stats.profile import QuantityProfile
from resexp.theory import Arm, predict, unsupported_reason

Array = NDArray[np.float64]

GROUPS = ("norm", "normalizer", "residual", "body", "init", "model")
"""The groups on whose choices the theory depends."""


def theory_arm(cell: Cell, rms: float, cosine: float) -> Arm:
    """Return the theory's description of a cell.

    Args:
        cell: the cell.
        rms: RMS of the stream that enters the first block.
        cosine: mean cosine between inputs there.

    """
    options = cell.options
    variances = {key: options["init"][key] for key in ("weight_variance", "bias_variance") if key in options["init"]}
    start = options["residual"].get("start", 0.0)
    choices: dict[str, Any] = {group: cell.choices[group] for group in GROUPS}
    settings: dict[str, Any] = {"depth": cell.settings.depth, "activation": cell.settings.activation}
    return Arm(
        **choices, **settings, start=start, **variances, second_moment=rms * rms, cosine=cosine, batch_cosine=cosine
    )


def no_theory_reason(cell: Cell) -> str | None:
    """Return why the theory does not cover the classes or options that a cell chose; None if it does."""
    for group in GROUPS:
        target = cell.options[group]["_target_"]
        if not target.startswith("resexp."):
            return f"{group}._target_={target}: the theory covers the classes shipped with resexp"
    name, flags = cell.choices["norm"], cell.options["norm"]
    shipped = shipped_placements().get(name)
    if shipped is None or asdict(shipped) != {key: flag for key, flag in flags.items() if key != "_target_"}:
        return f"norm={name}: the theory covers the placements shipped with resexp"
    gain, expansion = cell.options["init"].get("gain", 1.0), cell.options["body"].get("expansion", 1)
    if cell.choices["init"] == "xavier" and expansion != 1:  # the variance depends on fan_out
        return f"body.expansion={expansion}: with init=xavier, the theory covers 1"
    return None if gain == 1 else f"init.gain={gain}: the theory covers 1"


def predict_profiles(cell: Cell, measured: Mapping[str, QuantityProfile]) -> dict[str, Array]:
    """Predict `stream_rms`, `pair_cosine` and `stream_grad` at step 0, (L + 1,), from the measured first stream.

    Args:
        cell: the cell.
        measured: profiles by quantity. Only measured quantities are predicted; gradients are scaled to the measured one
            of the last layer. Missing cosines count as 0, except for batch normalization, which depends on them.

    Returns:
        The predictions by quantity; empty if the first stream was not measured or the theory does not cover the cell.

    """
    first = {
        name: measured[name].median[0] for name in ("stream_rms", "stream_grad", "pair_cosine") if name in measured
    }
    if "stream_rms" not in first or measured["stream_rms"].steps[0] != 0 or no_theory_reason(cell):
        return {}
    if "pair_cosine" not in first and cell.choices["normalizer"] == "batchnorm":
        return {}
    rms = float(first["stream_rms"][0])
    arm = theory_arm(cell, rms, float(first["pair_cosine"][0]) if "pair_cosine" in first else 0.0)
    prediction = predict(arm) if np.isfinite(rms) and not unsupported_reason(arm) else None
    if prediction is None:
        return {}
    with np.errstate(all="ignore"):
        predicted = {"stream_rms": np.sqrt(prediction.second_moments), "pair_cosine": prediction.cosines}
        if "stream_grad" in first:
            predicted["stream_grad"] = np.sqrt(prediction.gradients) * first["stream_grad"][-1]
    return {name: values for name, values in predicted.items() if name in first}
