"""Training events. This module imports no torch, so callbacks can do without it too."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# Shapes: S steps, R replicates, L blocks. A value at step t belongs to the weights after t updates.

Array = np.ndarray[tuple[int, ...], np.dtype[np.floating]]


@dataclass(frozen=True)
class Steps:
    """Training curves of the steps [first, first + S), those since the last `Steps` event."""

    first: int
    loss_SR: Array
    accuracy_SR: Array
    grad_norm_SR: Array
    lr_S: Array


@dataclass(frozen=True)
class Validation:
    """Loss and accuracy on the fixed subset of the validation split (see `evaluation.subset`)."""

    step: int
    loss_R: Array
    accuracy_R: Array


@dataclass(frozen=True)
class Layers:
    """Layer diagnostics of one step.

    Attributes:
        step: number of updates before the measurement.
        blocks: L, the number of blocks.
        values: quantity → (R,) for the whole network, (R, L) for its blocks, or (R, L + 1) for the stream before,
            between and after them.

    """

    step: int
    blocks: int
    values: Mapping[str, Array]


@dataclass(frozen=True)
class State:
    """Everything that the steps after `step` depend on, as tensors. Valid only until training continues."""

    step: int
    tensors: Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """Final loss and accuracy on the fixed subset of the training split, and on the whole validation split."""

    step: int
    loss_train_R: Array
    accuracy_train_R: Array
    loss_val_R: Array
    accuracy_val_R: Array


Event = Steps | Validation | Layers | State | End
