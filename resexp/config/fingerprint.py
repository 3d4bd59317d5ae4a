"""The id of a cell: a hash of its settings and options, of data files by content and of user classes by source."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resexp.config.errors import InputError
from resexp.config.settings import SETTINGS, Settings

SCHEMA = 3
"""Version of results and of what the id hashes. Raise it if numbers, ids or stored fields change their meaning."""

GROUPS_OUTSIDE_ID = ("diagnostics",)
"""Groups that are not part of the id: their choice does not change the numbers of a training."""


def cell_id(settings: Settings, options: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the sha256 of everything that the numbers depend on.

    Raises:
        InputError: a data path cannot be read, or a user class has no source.

    """
    hashed_settings = {n: _fingerprint(getattr(settings, n)) for n, f in SETTINGS.items() if f.metadata["identity"]}
    hashed_options = {
        group: _fingerprint(values) for group, values in options.items() if group not in GROUPS_OUTSIDE_ID
    }
    text = json.dumps({"schema": SCHEMA, "settings": hashed_settings, "options": hashed_options}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint(value: Any, key: str = "") -> Any:
    """Return `value` with paths replaced by content hashes, source hashes beside user classes, and 1.0 as 1."""
    if isinstance(value, Mapping):
        return {k: _fingerprint(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_fingerprint(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if key == "path" and isinstance(value, str):
        return content_hash(Path(value).expanduser())
    is_user_code = key == "module" or (key == "_target_" and value.split(".")[0] not in ("resexp", "torch"))
    return [value, source_hash(value)] if is_user_code and value is not None else value


def content_hash(root: Path, pattern: str = "*") -> str:
    """Return the sha256 of a file, or of the names and bytes of the files below a directory that match `pattern`."""
    if not root.exists():
        raise InputError(f"{root}: no such file or directory")
    digest = hashlib.sha256()
    try:
        for file in [root] if root.is_file() else sorted(f for f in root.rglob(pattern) if f.is_file()):
            digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    except OSError as error:
        raise InputError(f"{root}: {error.strerror}") from None
    return digest.hexdigest()


def source_hash(target: str) -> str:
    """Return the sha256 of the Python files of a user class's top-level package or module, without importing it."""
    name = target.partition(".")[0]
    spec = importlib.util.find_spec(name)
    roots = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    if not roots or roots[0] is None:
        raise InputError(f"{target}: no module named {name}")
    root = Path(roots[0])
    return content_hash(root, "*.py") if root.exists() else roots[0]  # "built-in" or "frozen" in the standard library
