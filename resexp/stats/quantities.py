"""What the quantities are called, and how they are shown."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """A title, the tab of TensorBoard, and whether the scale is logarithmic."""

    title: str
    tab: str = "signal"
    log: bool = True


LOOKS = {
    "stream_rms": Look("stream RMS"),
    "stream_grad": Look("gradient norm of the stream, ‖∂ℓ/∂h‖", "gradient"),
    "weight_grad": Look("gradient norm of the weights, ‖∂ℓ/∂W‖", "gradient"),
    "query_grad": Look("gradient norm of the queries' weights", "gradient"),
    "key_grad": Look("gradient norm of the keys' weights", "gradient"),
    "value_grad": Look("gradient norm of the values' weights", "gradient"),
    "update_ratio": Look("update ratio, ‖ΔW‖/‖W‖", "gradient"),
    "dead_fraction": Look("share of dead ReLUs", log=False),
    "branch_skip": Look("branch/skip, RMS(αF)/RMS(skip)"),
    "pair_cosine": Look("cosine between inputs", log=False),
    "rank_residual": Look("rank residual, ‖X − 1x̄ᵀ‖/‖X‖"),
    "effective_rank": Look("effective rank"),
    "block_deletion": Look("Δ loss without the block", log=False),
    "one_step": Look("one-step Δf"),
    "jacobian_max": Look("σ_max of the Jacobian"),
    "jacobian_median": Look("σ_median of the Jacobian"),
    "jacobian_rms": Look("‖J‖_F/√n"),
    "shattering": Look("autocorrelation of gradients at lag 5", "gradient", log=False),
    "sharpness": Look("sharpness, λ_max of the Hessian", "gradient"),
    "preconditioned_sharpness": Look("sharpness of the preconditioned Hessian", "gradient"),
}

NETWORK_WIDE = {
    "one_step",
    "jacobian_max",
    "jacobian_median",
    "jacobian_rms",
    "shattering",
    "sharpness",
    "preconditioned_sharpness",
}
"""Those of the network as a whole."""


def look(name: str) -> Look:
    """How a quantity is shown; one of a user's own by its name."""
    return LOOKS.get(name, Look(name.replace("_", " ")))
