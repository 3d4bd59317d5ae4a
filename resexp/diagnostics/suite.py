"""Which quantities are measured, and when."""

import importlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from resexp.config.errors import InputError, nearest
from resexp.diagnostics.probe import Probe

Diagnostic = Callable[[Probe], Tensor | None]
"""(R,) of the whole network, (R, L) of its blocks, or (R, L + 1) of its stream; None where there is no such thing."""

MAX_SAMPLES, MAX_VALUES, MIN_SAMPLES = 64, 2**17, 8
"""A probe batch holds at most that many samples and values, but never fewer samples than the minimum."""


class Suite:
    """Quantities by name: those of this package, and functions of others as `package.module.function`.

    `expensive` are measured before training and at its end only. `blocks` is a pattern as `find_blocks` takes it.
    Raises InputError if there is no such quantity.
    """

    def __init__(self, quantities: Sequence[str], expensive: Sequence[str], blocks: str | None = None) -> None:
        self.blocks = blocks
        self.usual: dict[str, Diagnostic] = {name.rpartition(".")[2]: _named(name) for name in quantities}
        self.expensive: dict[str, Diagnostic] = {name.rpartition(".")[2]: _named(name) for name in expensive}

    def __bool__(self) -> bool:
        return bool(self.usual or self.expensive)

    def is_due(self, step: int) -> bool:
        """Whether to look before `step` is trained: 0, 1, 3, 10, 30, 100, 300, …"""
        return str(step).rstrip("0") in ("", "1", "3")

    def __call__(self, probe: Probe, *, expensive: bool) -> dict[str, Tensor]:
        """What there is to measure in a probe. It draws from no global generator."""
        wanted = self.usual | self.expensive if expensive else self.usual
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=_devices(probe.x)))
            stack.enter_context(sdpa_kernel(SDPBackend.MATH))  # the others cannot be derived twice
            found = {name: measure(probe) for name, measure in wanted.items()}
        return {name: value.detach().double() for name, value in found.items() if value is not None}


def _devices(x: Tensor) -> list[torch.device]:
    return [x.device] if x.is_cuda else []


def _named(name: str) -> Diagnostic:
    module, _, function = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module or f"{__package__}.{name}"), function)
    except (ImportError, AttributeError):
        shipped = [f.stem for f in Path(__file__).parent.glob("*.py") if f"\ndef {f.stem}(" in f.read_text("utf-8")]
        raise InputError(f"diagnostics: no quantity {name}{nearest(name, shipped)}") from None
    diagnostic: Diagnostic = found
    return diagnostic
