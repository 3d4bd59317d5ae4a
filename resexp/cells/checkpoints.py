"""Checkpoints of a cell in training: written atomically, checked when read, and set aside if they cannot be used.

`checkpoint-<step>.pt` is a SHA-256 digest and the bytes of `torch.save` that it covers; loading it runs no code.
`weights/seed<n>.pt`, written at the end, is a state dict of the plain network.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import torch
from numpy.typing import NDArray

from resexp.config.cell import Cell
from resexp.config.errors import message_lines
from resexp.config.fingerprint import SCHEMA
from resexp.engine.events import State
from resexp.engine.pack import Pack
from resexp.record.files import set_aside, write_atomically
from resexp.record.migration import schema_of

DIGEST = hashlib.sha256().digest_size

MAX_FILES = 2
"""Checkpoints on disk at a time: the newest, and the one before it in case the newest is damaged."""

MAX_KEPT_BYTES = 64 * 2**20
"""Size of a pack's weights from which on `keep_checkpoints=auto` does not keep them."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after some step, its curves up to that step, and the seconds it took."""

    seeds: tuple[int, ...]
    state: State
    curves: dict[str, NDArray[Any]]
    seconds: float


class Checkpoints:
    """The checkpoints in the run directory of a cell."""

    def __init__(self, cell: Cell) -> None:
        self.path, self.id, self.keep = cell.path, cell.id, cell.settings.keep_checkpoints
        self.measured = cell.measured

    def _files(self) -> list[Path]:
        return sorted(self.path.glob("checkpoint-*.pt"))

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and delete those no longer needed. Raises OSError if the disk is full."""
        state = checkpoint.state
        tables = {name: torch.from_numpy(table) for name, table in checkpoint.curves.items()}
        content: dict[str, Any] = {"schema": SCHEMA, "id": self.id, "seeds": [*checkpoint.seeds], "step": state.step}
        content |= {"seconds": checkpoint.seconds, "measured": sorted(self.measured)}
        _write(self.path / f"checkpoint-{state.step:09d}.pt", {**content, "tensors": state.tensors, "curves": tables})
        if self.keep != "all":
            for file in self._files()[:-MAX_FILES]:
                file.unlink()

    def latest(self, seeds: tuple[int, ...]) -> tuple[Checkpoint | None, list[str]]:
        """Return the newest usable checkpoint, if any, and a line for each file that was set aside.

        A checkpoint is usable if it is of some of `seeds`, with all the quantities that the cell measures. Files that
        are damaged, of another cell or of another schema are set aside: renamed, never deleted.
        """
        notes: list[str] = []
        for file in reversed(self._files()):
            try:
                content = _read(file)
                if (schema := schema_of(content)) != SCHEMA:
                    set_aside(file, f"schema{schema}")
                    notes.append(
                        f"set aside {file.name}: its schema is {schema}, expected {SCHEMA}; training starts anew"
                    )
                    continue
                if content["id"] != self.id:
                    raise ValueError("it belongs to another cell")
                if not ({*content["seeds"]} <= {*seeds} and self.measured <= {*content.get("measured", ())}):
                    continue
                curves = {name: table.numpy() for name, table in content["curves"].items()}
                state = State(content["step"], content["tensors"])
                return Checkpoint(tuple(content["seeds"]), state, curves, content["seconds"]), notes
            except Exception as error:  # torch may raise anything on a file that it did not write
                notes.append(f"set aside {file.name}: {(message_lines(error) or ['damaged'])[0]}")
                set_aside(file, "damaged")
        return None, notes

    def clear(self) -> None:
        """Delete the checkpoints of a training that has ended or will not be resumed."""
        for file in self._files() if self.keep != "all" else ():
            file.unlink()

    def save_weights(self, pack: Pack, seeds: tuple[int, ...]) -> None:
        """Write the trained weights of each replicate, if `keep_checkpoints` asks for them."""
        is_small = pack.weights_RP.nbytes < MAX_KEPT_BYTES
        if self.keep in ("weights", "all") or (self.keep == "auto" and is_small):
            (self.path / "weights").mkdir(exist_ok=True)
            for r, seed in enumerate(seeds):
                weights = {name: value.cpu().clone() for name, value in pack.state_dict(r).items()}
                write_atomically(self.path / "weights" / f"seed{seed:04d}.pt", partial(torch.save, weights))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    stream = io.BytesIO()
    torch.save(dict(content), stream)
    payload = stream.getvalue()

    def write(file: IO[bytes]) -> None:
        file.write(hashlib.sha256(payload).digest())
        file.write(payload)

    write_atomically(path, write)


def _read(path: Path) -> dict[str, Any]:
    stored = path.read_bytes()
    if hashlib.sha256(stored[DIGEST:]).digest() != stored[:DIGEST]:
        raise ValueError("it is damaged")
    content: dict[str, Any] = torch.load(io.BytesIO(stored[DIGEST:]), map_location="cpu", weights_only=True)
    return content
