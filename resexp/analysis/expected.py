"""What the theory expects of a cell before training, beside what was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resexp.config.cell import Cell
from resexp.stats.profile import QuantityProfile
from resexp.theory import Arm, predict, without_theory

Array = NDArray[np.float64]


def arm_of_cell(cell: Cell, rms: float, cosine: float) -> Arm:
    """What the theory knows of a cell, whose stream enters the first block with this RMS and cosine between inputs."""
    options = cell.options
    own = {key: options["init"][key] for key in ("weight_variance", "bias_variance") if key in options["init"]}
    start = options["residual"].get("start", 0.0)
    groups = ("norm", "normalizer", "residual", "body", "init", "model")
    chosen: dict[str, Any] = {group: cell.choices[group] for group in groups}
    settings: dict[str, Any] = {"depth": cell.settings.depth, "activation": cell.settings.activation}
    return Arm(**chosen, **settings, start=start, **own, second_moment=rms * rms, cosine=cosine, batch_cosine=cosine)


def beyond_theory(cell: Cell) -> str | None:
    """Why the names of a cell's choices do not tell the theory what they are."""
    for group in ("norm", "normalizer", "residual", "body", "init", "model"):
        target = cell.options[group]["_target_"]
        if not target.startswith("resexp."):
            return f"{group}._target_={target}: the theory knows what is shipped"
    gain = cell.options["init"].get("gain", 1.0)
    return None if gain == 1 else f"init.gain={gain}: the theory covers 1"


def expected(cell: Cell, known: Mapping[str, QuantityProfile]) -> dict[str, Array]:
    """Of some quantities what the theory expects at step 0, layer by layer, from the first stream as it was measured.

    Gradients are relative to the last one, as it was measured. Nothing where the first stream is not known or there is
    no theory; where cosines were not measured, they count as 0, but for batch normalization, which depends on them.
    """
    first = {name: known[name].median[0] for name in ("stream_rms", "stream_grad", "pair_cosine") if name in known}
    if "stream_rms" not in first or known["stream_rms"].steps[0] != 0 or beyond_theory(cell):
        return {}
    if "pair_cosine" not in first and cell.choices["normalizer"] == "batchnorm":
        return {}
    rms = float(first["stream_rms"][0])
    arm = arm_of_cell(cell, rms, float(first["pair_cosine"][0]) if "pair_cosine" in first else 0.0)
    prediction = predict(arm) if np.isfinite(rms) and not without_theory(arm) else None
    if prediction is None:
        return {}
    with np.errstate(all="ignore"):
        lines = {"stream_rms": np.sqrt(prediction.second_moments), "pair_cosine": prediction.cosines}
        if "stream_grad" in first:
            lines["stream_grad"] = np.sqrt(prediction.gradients) * first["stream_grad"][-1]
    return {name: line for name, line in lines.items() if name in first}
