"""resexp, the trainability lab: see how residual connections and normalization decide whether a deep network trains.

`train`, `sweep`, `depth`, `probe` and `compare` do what the commands of the same names do; `load` reads results as data
frames. Warnings and progress go through the logger "resexp". Importing the package imports neither torch nor NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from resexp.api import compare, depth, load, probe, sweep, train

if TYPE_CHECKING:
    from resexp.analysis.compare import Comparison, ComparisonRow, EffectRow
    from resexp.analysis.diagnosis import Gain, ProbeResult
    from resexp.config.errors import InputError
    from resexp.record.frames import Frames
    from resexp.record.result import CellResult, Cost, Replicate
    from resexp.stats.depth import DepthSearchEstimate
    from resexp.stats.verdict import Reference
    from resexp.sweeps.arm_search import ArmSearch

__all__ = [
    "ArmSearch",
    "CellResult",
    "Comparison",
    "ComparisonRow",
    "Cost",
    "DepthSearchEstimate",
    "EffectRow",
    "Frames",
    "Gain",
    "InputError",
    "ProbeResult",
    "Reference",
    "Replicate",
    "compare",
    "depth",
    "load",
    "probe",
    "sweep",
    "train",
]

_MODULES = {
    "ArmSearch": "resexp.sweeps.arm_search",
    "CellResult": "resexp.record.result",
    "Comparison": "resexp.analysis.compare",
    "ComparisonRow": "resexp.analysis.compare",
    "Cost": "resexp.record.result",
    "DepthSearchEstimate": "resexp.stats.depth",
    "EffectRow": "resexp.analysis.compare",
    "Frames": "resexp.record.frames",
    "Gain": "resexp.analysis.diagnosis",
    "InputError": "resexp.config.errors",
    "ProbeResult": "resexp.analysis.diagnosis",
    "Reference": "resexp.stats.verdict",
    "Replicate": "resexp.record.result",
}
"""Where the result and error types are defined; they are imported on first access."""

if not TYPE_CHECKING:  # type checkers would take any name for an attribute

    def __getattr__(name: str) -> object:
        """Import a result or error type on first access."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(import_module(_MODULES[name]), name))


def __dir__() -> list[str]:
    """List the public names, also those not imported yet."""
    return sorted({*globals(), *__all__})
