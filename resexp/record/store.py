"""Run directories: the files of a cell, written so that a fault is never taken for a result.

| file | content |
|---|---|
| `config.yaml` | the resolved configuration |
| `run.json` | the trainings: seeds, overrides, command line, device, versions, git commit; written before each |
| `steps.parquet` | a row per replicate and step |
| `layers.parquet` | with diagnostics: a row per replicate, step, quantity and layer |
| `result.json` | status, replicates, reference: written last, to a temporary name, then renamed |
| `events.out.*` | TensorBoard |
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.config.fingerprint import SCHEMA
from resexp.config.names import arm_of
from resexp.record.files import read_json, read_table, set_aside, write_bytes, write_json, write_table
from resexp.record.migration import is_newer, migrate
from resexp.record.provenance import provenance
from resexp.record.result import CellResult, Cost, Replicate
from resexp.stats.verdict import Reference

RESULT, RUN, CONFIG, LOCK = "result.json", "run.json", "config.yaml", ".lock"
STEPS, LAYERS = "steps.parquet", "layers.parquet"
COLUMNS = ("seed", "step", "loss", "accuracy", "grad_norm", "lr", "loss_val", "accuracy_val")
LAYER_COLUMNS = ("seed", "step", "layer", "quantity", "value")
"""`layer`: 0 … L of the stream, 1 … L of the blocks, −1 of the whole network."""

ENDED = ("done", "failed", "interrupted")
"""The statuses that a result file may hold."""


class RunDir:
    """The directory of one cell."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).absolute()

    def lock(self) -> FileLock:
        """Return the lock that a training of the cell holds. It is released when its process dies."""
        return FileLock(self.path / LOCK, timeout=-1)

    def open(self, cell: Cell, training: Mapping[str, Any], *, keep_result: bool = False) -> None:
        """Record the start of a training, and delete an earlier result unless the training adds to it.

        Raises:
            InputError: the directory holds what must not be overwritten (see `obstacle`).

        """
        self._check_free(cell.id)
        self.path.mkdir(parents=True, exist_ok=True)
        trainings = (read_json(self.path / RUN) or {}).get("trainings", [])
        write_bytes(self.path / CONFIG, OmegaConf.to_yaml(OmegaConf.create(cell.config)).encode())
        run: dict[str, Any] = {"schema": SCHEMA, "id": cell.id, "choices": dict(cell.choices), "config": cell.config}
        run["trainings"] = [*trainings, {**training, "overrides": [*cell.overrides], **provenance()}]
        write_json(self.path / RUN, run)
        if not keep_result:
            (self.path / RESULT).unlink(missing_ok=True)

    def fail(self, cell: Cell, result: CellResult) -> None:
        """Record a failure for a training that could not do so itself.

        Nothing is written if the cell is done, if another process trains it, or if `obstacle` names a reason.
        """
        if self.obstacle(cell.id):
            return
        self.path.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Timeout), self.lock().acquire(timeout=5):  # readers test the lock for a moment
            recorded = self.result()
            if recorded is None:
                self.open(cell, {})
            if recorded is None or recorded.status != "done":
                self.close(result)

    def close(
        self,
        result: CellResult,
        columns: Mapping[str, Any] | None = None,
        layers: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the step and layer tables, then, last, the result.

        Raises:
            InputError: the directory holds what must not be overwritten (see `obstacle`).

        """
        self._check_free(result.id)
        for file, names, table in ((STEPS, COLUMNS, columns), (LAYERS, LAYER_COLUMNS, layers)):
            if table is not None:
                write_table(self.path / file, {name: table[name] for name in names})
        content = {k: v for k, v in asdict(result).items() if k not in ("name", "path")}
        write_json(self.path / RESULT, {**content, "sha256": _digest(content)})

    def obstacle(self, id_: str, *, fresh: bool = False) -> str | None:
        """Return why cell `id_` must not be trained here, in a line; None if it may be.

        Args:
            id_: the identity of the cell.
            fresh: whether the cell is trained again from the start. A damaged result is then no obstacle.

        """
        content = self.stored() or {"schema": SCHEMA, "id": id_}
        if content["schema"] != SCHEMA:
            return f"{self.path}: holds a cell of schema {content['schema']}, expected {SCHEMA}; move it away"
        if content["id"] != id_:
            return f"{self.path}: holds another cell ({content['id']}); move it away"
        if not fresh and content.get("status") not in ENDED and self.has_damaged_result():
            return f"{self.path / RESULT}: cannot be read; fresh=true sets it aside and trains the cell again"
        return None

    def _check_free(self, id_: str) -> None:
        if obstacle := self.obstacle(id_):
            raise InputError(obstacle)

    def has_damaged_result(self) -> bool:
        """Whether there is a result file that cannot be read."""
        return os.path.lexists(self.path / RESULT) and self._checked(RESULT, _verified) is None

    def set_damaged_result_aside(self) -> str:
        """Rename a damaged result file, and return a line that says so."""
        return f"set aside {RESULT}: it cannot be read, and is kept as {set_aside(self.path / RESULT, 'damaged').name}"

    def stored(self) -> dict[str, Any] | None:
        """Return the fields of the result file, else of the run file; None if neither can be read.

        The configuration is in today's names. Of a file of a newer schema there is only its `schema`.
        """
        if content := self._checked(RESULT, _verified):
            return content
        content = self._checked(RUN, _as_running)
        if content and not is_newer(content) and os.path.lexists(self.path / RESULT):
            content["error"] = f"{RESULT} cannot be read"
        return content

    def _checked(self, file: str, fields: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any] | None:
        content = read_json(self.path / file) or {}
        if is_newer(content):
            return {"schema": content["schema"]}
        try:
            content = migrate(fields(content))
            result = CellResult(**_typed(content), name="", path="")
            json.dumps(result.to_json(), allow_nan=False)
            arm_of(result.choices)
        except (KeyError, TypeError, ValueError, AttributeError):  # not a file that resexp wrote
            return None
        return content

    def result(self, root: Path | None = None) -> CellResult | None:
        """Return what is recorded, named by its path from `root`; None if nothing can be read."""
        name = self.path.relative_to(root.absolute()).as_posix() if root else self.path.name
        content = self.stored()
        return result_from(content, name, str(self.path)) if content and not is_newer(content) else None

    def is_locked(self) -> bool:
        """Whether a living process trains this cell."""
        if not (self.path / LOCK).exists():
            return False
        try:
            with FileLock(self.path / LOCK, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False

    def steps(self) -> dict[str, Any] | None:
        """Return the columns of the step file as NumPy arrays; None if it is missing or damaged."""
        return read_table(self.path / STEPS, COLUMNS)

    def layers(self) -> dict[str, Any] | None:
        """Return the columns of the layer file as NumPy arrays; None if it is missing or damaged."""
        return read_table(self.path / LAYERS, LAYER_COLUMNS)


def result_from(content: Mapping[str, Any], name: str, path: str) -> CellResult:
    """Return the result whose fields were `stored` in the run directory `path`.

    A cell without a result file is running as long as its directory is locked, else interrupted.
    """
    result = CellResult(**_typed(content), name=name, path=path)
    is_over = result.status == "running" and not RunDir(path).is_locked()
    return replace(result, status="interrupted") if is_over else result


def _digest(content: Mapping[str, Any]) -> str:
    """Return the checksum that shows whether a stored result has changed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _verified(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a result file. Raises ValueError if its checksum or its status is wrong."""
    if content.pop("sha256") != _digest(content):
        raise ValueError("damaged")
    if content["status"] not in ENDED:
        raise ValueError(content["status"])
    return content


def _as_running(run: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a run file that are also a result's."""
    fields: dict[str, Any] = {k: run[k] for k in ("schema", "id", "choices", "config") if k in run}
    return {"status": "running", **fields}


def _typed(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return stored fields as the types that CellResult holds."""
    reference, cost = content.get("reference"), content.get("cost")  # early results of schema 2 have no cost
    return {
        **content,
        "replicates": [Replicate(**r) for r in content.get("replicates", ())],
        "reference": Reference(**reference) if reference else None,
        "cost": Cost(**cost) if cost else None,
    }
