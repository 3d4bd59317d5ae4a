"""Which quantities are measured, and when."""

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from resexp.diagnostics.probe import Probe
from resexp.diagnostics.quantities import Quantity, find_quantity

MAX_SAMPLES, MAX_VALUES, MIN_SAMPLES = 64, 2**17, 8
"""A probe batch holds at most that many samples and values, but never fewer samples than the minimum."""


class Suite:
    """Quantities to measure together.

    Args:
        quantities: names of shipped quantities, or `package.module.function` for others; measured whenever due.
        expensive: names of those measured only before and after training.
        blocks: selects the blocks of the network, see `find_blocks`.

    Raises:
        InputError: a quantity does not exist.

    """

    def __init__(self, quantities: Sequence[str], expensive: Sequence[str], blocks: str | None = None) -> None:
        self.blocks = blocks
        self.quantities = _by_name(quantities)
        self.expensive = _by_name(expensive)

    def __bool__(self) -> bool:
        return bool(self.quantities or self.expensive)

    def is_due(self, step: int) -> bool:
        """Return whether to measure before `step`, one of 0, 1, 3, 10, 30, 100, …"""
        return str(step).rstrip("0") in ("", "1", "3")

    def __call__(self, probe: Probe, *, expensive: bool) -> dict[str, Tensor]:
        """Measure the quantities that exist in the probed network, in float64, without use of global generators."""
        quantities = self.quantities | self.expensive if expensive else self.quantities
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[probe.x.device] if probe.x.is_cuda else []))
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # the only one with second derivatives
            measurements = {name: measure(probe) for name, measure in quantities.items()}
        return {name: values.detach().double() for name, values in measurements.items() if values is not None}


def _by_name(names: Sequence[str]) -> dict[str, Quantity]:
    return {name.rpartition(".")[2]: find_quantity(name) for name in names}
