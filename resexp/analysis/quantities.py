"""Titles and scales of the measured quantities, the same in TensorBoard and in the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class QuantityDisplay:
    """How a quantity is shown.

    Attributes:
        title: its title.
        tab: its tab in TensorBoard.
        log: whether its scale is logarithmic.
        network_wide: whether it is a quantity of the whole network, without layers.

    """

    title: str
    tab: str = "signal"
    log: bool = True
    network_wide: bool = False


DISPLAYS = {
    "stream_rms": QuantityDisplay("stream RMS"),
    "stream_grad": QuantityDisplay("gradient norm of the stream, ‖∂ℓ/∂h‖", "gradient"),
    "weight_grad": QuantityDisplay("gradient norm of the weights, ‖∂ℓ/∂W‖", "gradient"),
    "query_grad": QuantityDisplay("gradient norm of the query weights", "gradient"),
    "key_grad": QuantityDisplay("gradient norm of the key weights", "gradient"),
    "value_grad": QuantityDisplay("gradient norm of the value weights", "gradient"),
    "update_ratio": QuantityDisplay("update ratio, ‖ΔW‖/‖W‖", "gradient"),
    "dead_fraction": QuantityDisplay("share of dead ReLUs", log=False),
    "branch_skip": QuantityDisplay("branch/skip, RMS(αF)/RMS(skip)"),
    "pair_cosine": QuantityDisplay("cosine between inputs", log=False),
    "rank_residual": QuantityDisplay("rank residual, ‖X − 1x̄ᵀ‖/‖X‖"),
    "effective_rank": QuantityDisplay("effective rank"),
    "block_deletion": QuantityDisplay("Δ loss without the block", log=False),
    "one_step": QuantityDisplay("one-step Δf", network_wide=True),
    "jacobian_max": QuantityDisplay("σ_max of the Jacobian", network_wide=True),
    "jacobian_median": QuantityDisplay("σ_median of the Jacobian", network_wide=True),
    "jacobian_rms": QuantityDisplay("‖J‖_F/√n", network_wide=True),
    "shattering": QuantityDisplay("autocorrelation of gradients at lag 5", "gradient", log=False, network_wide=True),
    "sharpness": QuantityDisplay("sharpness, λ_max of the Hessian", "gradient", network_wide=True),
    "preconditioned_sharpness": QuantityDisplay(
        "sharpness of the preconditioned Hessian", "gradient", network_wide=True
    ),
}


def quantity_display(name: str) -> QuantityDisplay:
    """Return how a quantity is shown; a user's own quantity by its name."""
    return DISPLAYS.get(name, QuantityDisplay(name.replace("_", " ")))
