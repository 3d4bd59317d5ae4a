"""A cache of what was read from many directories, in one file, so that only changed directories are read again."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resexp.config.fingerprint import SCHEMA
from resexp.record.files import write_bytes

VERSION = 1
"""Version of the cache file. A file of another version, or of another schema, counts as empty."""

MIN_CHANGES = 50
"""The cache file is rewritten only if at least this many directories were read anew; fewer are read again each time."""

CLOCK_GRAIN = 2.0
"""Seconds. A file changed within this time of being read may change again without a new modification time."""


class Cache:
    """Values of a function of directories, cached in a file that can be deleted at any time.

    A value is stored with inode, size and times of the files it was read from, and is valid as long as all of them are
    the same. No clock is compared with another except within CLOCK_GRAIN. A damaged file counts as empty, a failure to
    write it is ignored, and of two concurrent writes the last one wins.

    Args:
        file: the cache file.
        names: the files of a directory on which its value depends.
        read: the function; its value must be one that JSON can hold.

    """

    def __init__(self, file: Path, names: tuple[str, ...], read: Callable[[Path], Any]) -> None:
        self.file, self.names, self.read = file, names, read
        self._root = os.path.join(file.parent, "")
        self._loaded, self._used = _load(file), dict[str, list[Any]]()
        self._changes = 0

    def __call__(self, directory: str) -> Any:
        """Return the value of `directory`, an absolute path."""
        signature = [_signature(f"{directory}{os.sep}{name}") for name in self.names]
        is_below = directory.startswith(self._root)
        key = directory[len(self._root) :] if is_below else os.path.relpath(directory, self._root)
        entry = self._loaded.get(key)
        if entry is None or entry[0] != signature:
            entry = [signature, self.read(Path(directory))]
            if not _is_settled(signature):
                return entry[1]
            self._changes += 1
        self._used[key] = entry
        return entry[1]

    def save(self, *, drop_unused: bool) -> None:
        """Write the cache file if enough has changed; `drop_unused` omits values that were not asked for."""
        if self._changes < max(MIN_CHANGES, len(self._used) // 20):
            return
        entries = self._used if drop_unused else {**self._loaded, **self._used}
        body = json.dumps(entries, separators=(",", ":")).encode()
        with contextlib.suppress(OSError):
            write_bytes(self.file, _header(self.file, body) + b"\n" + body)


def _load(file: Path) -> dict[str, list[Any]]:
    try:
        header, _, body = file.read_bytes().partition(b"\n")
    except OSError:
        return {}
    entries: dict[str, list[Any]] = json.loads(body) if header == _header(file, body) else {}
    return entries


def _header(file: Path, body: bytes) -> bytes:
    return f"{file.name} {VERSION} {SCHEMA} {hashlib.sha256(body).hexdigest()}".encode()


def _signature(path: str) -> list[int] | None:
    """Return numbers that change with a file; None if there is no file."""
    try:
        stat = os.stat(path)
    except OSError:
        return None
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _is_settled(signature: list[list[int] | None]) -> bool:
    now = time.time_ns()
    return all(abs(now - moment) > CLOCK_GRAIN * 1e9 for stat in signature if stat for moment in stat[2:])
