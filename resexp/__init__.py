"""resexp, the trainability lab. Public: `train`, `load`. Importing it imports nothing heavy."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resexp.record.frames import Frames
    from resexp.record.result import CellResult

__all__ = ["load", "train"]


def train(*overrides: str, **dials: Any) -> "CellResult":
    """Train a cell, as `resexp train` does, and return its result.

    `train("optimizer.lr=3e-3", norm="pre", depth=48)` is `resexp train optimizer.lr=3e-3 norm=pre depth=48`; it prints
    nothing. Raises `resexp.kinds.InputError`, a ValueError, on bad input; a fault in training is a result with status
    "failed" and its reason in `error`.
    """
    from resexp.compose import Composer
    from resexp.record.store import check_writable
    from resexp.run import train as run
    from resexp.stopping import Stop

    composer = Composer()
    given = composer.overrides([*overrides, *(f"{key}={_quoted(value)}" for key, value in dials.items())])
    cell = composer.cell(given)
    check_writable(Path(cell.dials.outputs))
    stop = Stop()
    with stop.on_signals():
        return run(cell, stop=stop)


def load(path: str | Path = "outputs") -> "Frames":
    """The results below `path` as data frames: `.cells`, `.replicates`, `.steps`; see `resexp.record.frames.Frames`."""
    from resexp.record.frames import load as frames

    return frames(path)


def _quoted(value: object) -> str:
    """A value in Hydra's override grammar."""
    if isinstance(value, list | tuple | range):
        return f"[{','.join(map(_quoted, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    if not isinstance(value, str | Path) or re.fullmatch(r"[\w./+:-]+", text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
