"""What the identity of a cell hashes: its settings and options, its data by content, its own classes by source."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resexp.config.errors import InputError
from resexp.config.settings import SETTINGS, Settings

SCHEMA = 3
"""Version of what a cell's identity hashes; a change of meaning raises it, so that old results are never reused."""

APART = ("diagnostics",)
"""Groups whose choice makes no other cell."""


def cell_id(settings: Settings, options: Mapping[str, Mapping[str, Any]]) -> str:
    """Sha256 of what the numbers depend on. Raises InputError where a data path cannot be read."""
    named = {name: _fingerprint(getattr(settings, name)) for name, f in SETTINGS.items() if f.metadata["identity"]}
    hashed = {group: _fingerprint(values) for group, values in options.items() if group not in APART}
    text = json.dumps({"schema": SCHEMA, "settings": named, "options": hashed}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _fingerprint(value: Any, key: str = "") -> Any:
    """`value` with paths as their content's hash, modules and foreign classes followed by their source's, 1.0 as 1."""
    if isinstance(value, Mapping):
        return {k: _fingerprint(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_fingerprint(v) for v in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if key == "path" and isinstance(value, str):
        return content_hash(Path(value).expanduser())
    foreign = key == "module" or (key == "_target_" and value.split(".")[0] not in ("resexp", "torch"))
    return [value, source_hash(value)] if foreign and value is not None else value


def content_hash(root: Path, pattern: str = "*") -> str:
    """Sha256 over a file, or over the names and bytes of the files below a directory."""
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
    """Sha256 over the Python files of the package or module that a foreign class comes from; none of it is run."""
    name = target.partition(".")[0]
    spec = importlib.util.find_spec(name)
    roots = [*(spec.submodule_search_locations or ()), spec.origin] if spec else []
    if not roots or roots[0] is None:
        raise InputError(f"{target}: no package {name} here")
    root = Path(roots[0])
    return content_hash(root, "*.py") if root.exists() else roots[0]  # of the standard library, some have no file
