"""Run directories: what a cell leaves behind, written so that a fault never passes for a result.

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
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from resexp.config.cell import Cell
from resexp.config.errors import InputError
from resexp.config.names import arm_of
from resexp.record.result import CellResult, Cost, Replicate
from resexp.stats.verdict import Reference

PACKAGES = ("resexp", "torch", "torchvision", "hydra-core", "omegaconf", "numpy", "scipy-openblas32", "tensorboard")
RESULT, RUN, CONFIG, LOCK = "result.json", "run.json", "config.yaml", ".lock"
STEPS, LAYERS = "steps.parquet", "layers.parquet"
COLUMNS = ("seed", "step", "loss", "accuracy", "grad_norm", "lr", "loss_val", "accuracy_val")
LAYER_COLUMNS = ("seed", "step", "layer", "quantity", "value")
"""`layer`: 0 … L of the stream, 1 … L of the blocks, −1 of the whole network."""


def write_atomically(path: Path, write: Any) -> None:
    """Let `write` fill a binary file that takes the place of `path` only when it is complete and on the disk."""
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(scratch, path)
    except BaseException:
        Path(scratch).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically."""
    write_atomically(path, lambda stream: stream.write(json.dumps(content, indent=1, allow_nan=False).encode()))


def read_json(path: Path) -> dict[str, Any] | None:
    """What a JSON file holds; None where it is not one of ours: no object, cut short, or with numbers like NaN."""
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_refuse)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(constant)


class RunDir:
    """The directory of one cell."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def lock(self) -> FileLock:
        """Held while the cell is trained; it frees itself when its process dies."""
        return FileLock(self.path / LOCK, timeout=-1)

    def open(self, cell: Cell, training: Mapping[str, Any], *, keep_result: bool = False) -> None:
        """Write what is known before a training; a result that it will not add to goes."""
        self.path.mkdir(parents=True, exist_ok=True)
        trainings = (read_json(self.path / RUN) or {}).get("trainings", [])
        text = OmegaConf.to_yaml(OmegaConf.create(cell.config)).encode()
        write_atomically(self.path / CONFIG, lambda stream: stream.write(text))
        about: dict[str, Any] = {"id": cell.id, "choices": dict(cell.choices), "config": cell.config}
        about["trainings"] = [*trainings, {**training, "overrides": [*cell.overrides], **_circumstances()}]
        write_json(self.path / RUN, about)
        if not keep_result:
            (self.path / RESULT).unlink(missing_ok=True)

    def fail(self, cell: Cell, result: CellResult) -> None:
        """Record a failure that the training could not, unless the cell is done, or trained by another process."""
        self.path.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(Timeout), self.lock().acquire(timeout=5):  # others look for a moment
            known = self.result()
            if known is None:
                self.open(cell, {})
            if known is None or (known.status != "done" and known.id == cell.id):
                self.close(result)

    def close(
        self,
        result: CellResult,
        columns: Mapping[str, Any] | None = None,
        layers: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the steps and the layers, then, last of all, the result."""
        for file, names, content in ((STEPS, COLUMNS, columns), (LAYERS, LAYER_COLUMNS, layers)):
            if content is not None:
                _write_table(self.path / file, {name: content[name] for name in names})
        content = {k: v for k, v in asdict(result).items() if k not in ("name", "path")}
        write_json(self.path / RESULT, {**content, "sha256": _digest(content)})

    def content(self) -> dict[str, Any] | None:
        """What is recorded here, checked; None where this is no run directory."""
        for make, file in ((_stored, RESULT), (_known, RUN)):
            try:
                content = make(read_json(self.path / file) or {})
                result = CellResult(**_parts(content), name="", path="")
                json.dumps(result.to_json(), allow_nan=False)
                arm_of(result.choices)
            except (KeyError, TypeError, ValueError, AttributeError):
                continue  # not what we wrote: it does not count
            return content
        return None

    def result(self, root: Path | None = None) -> CellResult | None:
        """The same as a result, named by its way from `root`."""
        name = self.path.relative_to(root.absolute()).as_posix() if root else self.path.name
        content = self.content()
        return revived(content, name, str(self.path)) if content else None

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
        """The columns of the step file, as numpy arrays; None where it is missing or damaged."""
        return _read_table(self.path / STEPS, COLUMNS)

    def layers(self) -> dict[str, Any] | None:
        """The columns of the layer file, likewise."""
        return _read_table(self.path / LAYERS, LAYER_COLUMNS)


def _write_table(path: Path, columns: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
    write_atomically(path, lambda stream: pq.write_table(table, stream, write_page_checksum=True))


def _read_table(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException):
        return None
    return {name: table[name].to_numpy() for name in names} if {*names} <= {*table.column_names} else None


def _digest(content: Mapping[str, Any]) -> str:
    """What tells that a bit of a stored result has changed."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def revived(content: Mapping[str, Any], name: str, path: str) -> CellResult:
    """The result whose `content` was read in the run directory `path`; it is running as long as that is locked."""
    result = CellResult(**_parts(content), name=name, path=path)
    is_over = result.status == "running" and not RunDir(Path(path)).is_locked()
    return replace(result, status="interrupted") if is_over else result


def _stored(stored: dict[str, Any]) -> dict[str, Any]:
    if stored.pop("sha256") != _digest(stored):
        raise ValueError("damaged")
    if stored["status"] not in ("done", "failed", "interrupted"):
        raise ValueError(stored["status"])
    return stored


def _known(about: dict[str, Any]) -> dict[str, Any]:
    return {"status": "running", **{k: about[k] for k in ("id", "choices", "config")}}


def _parts(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a result."""
    reference, cost = content.get("reference"), content.get("cost")  # of which older results have no cost
    return {
        **content,
        "replicates": [Replicate(**r) for r in content.get("replicates", ())],
        "reference": Reference(**reference) if reference else None,
        "cost": Cost(**cost) if cost else None,
    }


def check_writable(outputs: Path) -> None:
    """Raise InputError where nothing can be written to `outputs`."""
    existing = next(p for p in (outputs, *outputs.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(bytes(1 << 16))
            probe.flush()
    except OSError as error:
        raise InputError(f"outputs={outputs}: cannot write there ({error.strerror})") from None


def _circumstances() -> dict[str, Any]:
    """Where and how a cell was made."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = installed(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "command": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": sys.version.split()[0],
        "versions": versions,
        "git": _git_commit(),
    }


def _git_commit() -> str | None:
    git = shutil.which("git")
    if git is None:
        return None
    run = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S603
    return run.stdout.strip() or None
