"""Files written atomically and read with checks: JSON, Parquet tables, and damaged files moved out of the way."""

import json
import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from resexp.config.errors import InputError
from resexp.config.fingerprint import SCHEMA


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Let `write` fill a binary file, which replaces `path` only once it is complete and on disk."""
    scratch = path.with_name(f".{path.name}-{secrets.token_hex(8)}")  # tempfile would ignore the umask
    try:
        with scratch.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(scratch, path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    write_atomically(path, lambda stream: stream.write(content))


def json_text(content: object) -> str:
    """Return JSON as files and commands show it, indented. Raises ValueError for NaN and infinity."""
    return json.dumps(content, indent=1, allow_nan=False)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file atomically."""
    write_bytes(path, json_text(content).encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file; None if it is missing, truncated, no object, or contains NaN or infinity."""
    try:
        content = json.loads(path.read_text("utf-8"), parse_constant=_reject_constant)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _reject_constant(constant: str) -> None:
    raise ValueError(constant)


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns as a Parquet file, atomically, with checksums and the schema in its metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
    table = table.replace_schema_metadata({"resexp.schema": str(SCHEMA)})
    write_atomically(path, lambda stream: pq.write_table(table, stream, write_page_checksum=True))


def read_table(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    """Return columns of a Parquet file as NumPy arrays; None if it is missing, damaged, or lacks one of `names`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException):
        return None
    return {name: table[name].to_numpy() for name in names} if {*names} <= {*table.column_names} else None


def set_aside(path: Path, word: str) -> Path:
    """Rename a file to `<word>-<name>`, with a number if that exists, and return the new path."""
    candidates = (path.with_name(f"{word}{number or ''}-{path.name}") for number in range(10**6))
    target = next(candidate for candidate in candidates if not candidate.exists())
    return path.replace(target)


def check_writable(outputs: Path) -> None:
    """Raise InputError if nothing can be written to `outputs`."""
    existing = next(p for p in (outputs, *outputs.absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as probe:
            probe.write(bytes(1 << 16))
            probe.flush()
    except OSError as error:
        raise InputError(f"outputs={outputs}: cannot write there ({error.strerror})") from None
