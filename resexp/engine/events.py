"""What a training tells as it goes on. Imports no torch: whoever watches need not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

# Shapes: S steps, R replicates, L blocks. A value at step t is of the weights after t updates.

Array = np.ndarray[tuple[int, ...], np.dtype[np.floating]]


@dataclass(frozen=True)
class Steps:
    """The minibatches since the last reading: steps [first, first + S)."""

    first: int
    loss_SR: Array
    accuracy_SR: Array
    grad_norm_SR: Array
    lr_S: Array


@dataclass(frozen=True)
class Validation:
    """Loss and accuracy on (up to SUBSET samples of) the validation split."""

    step: int
    loss_R: Array
    accuracy_R: Array


@dataclass(frozen=True)
class Layers:
    """What was measured inside at a step, by quantity.

    (R,) is of the whole network, (R, L) of its blocks, (R, L + 1) of the stream before, between and after them.
    """

    step: int
    blocks: int
    values: Mapping[str, Array]


@dataclass(frozen=True)
class State:
    """All that the steps after `step` depend on, as tensors; valid only until the training goes on."""

    step: int
    tensors: Mapping[str, Any]


@dataclass(frozen=True)
class End:
    """The trained replicates: ℓ_T and accuracy on the fixed train subset, and on the whole validation split."""

    step: int
    loss_train_R: Array
    accuracy_train_R: Array
    loss_val_R: Array
    accuracy_val_R: Array


Event = Steps | Validation | Layers | State | End
