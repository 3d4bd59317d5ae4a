"""What was read of many directories, kept in one file, so that only what has changed is read again."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resexp.config.fingerprint import SCHEMA
from resexp.record.files import write_atomically

VERSION = 1
"""Of the cache itself. A file of another version, or of another schema, counts as empty."""

FEW = 50
"""Directories that are read anew each time rather than kept."""

GRAIN = 2.0
"""Seconds: what changed less than that before it was read may change again without its time telling."""


class Cache:
    """A function of what some files of a directory hold, its values kept in a file that can be deleted at any time.

    A value is kept with inode, size and times of the files it was read from, and holds as long as they are all the
    same: no clock is compared with another, but for GRAIN. A file that is damaged counts as none; one that cannot be
    written is not missed; of two that write at once, the last stays.
    """

    def __init__(self, file: Path, names: tuple[str, ...], read: Callable[[Path], Any]) -> None:
        self.file, self.names, self.read = file, names, read
        self._home = os.path.join(file.parent, "")
        self._before, self._now = _load(file), dict[str, list[Any]]()
        self._news = 0

    def __call__(self, place: str) -> Any:
        """The value of the directory `place`, an absolute path; it must be one that JSON can hold."""
        signature = [_signature(f"{place}{os.sep}{name}") for name in self.names]
        key = place[len(self._home) :] if place.startswith(self._home) else os.path.relpath(place, self._home)
        entry = self._before.get(key)
        if entry is None or entry[0] != signature:
            entry = [signature, self.read(Path(place))]
            if not _is_settled(signature):
                return entry[1]
            self._news += 1
        self._now[key] = entry
        return entry[1]

    def save(self, *, whole: bool) -> None:
        """Keep the values, where reading them again takes longer than that; `whole`: and no others from before."""
        if self._news < max(FEW, len(self._now) // 20):
            return
        entries = self._now if whole else {**self._before, **self._now}
        body = json.dumps(entries, separators=(",", ":")).encode()
        with contextlib.suppress(OSError):
            write_atomically(self.file, lambda stream: stream.write(_head(self.file, body) + b"\n" + body))


def _load(file: Path) -> dict[str, list[Any]]:
    try:
        head, _, body = file.read_bytes().partition(b"\n")
    except OSError:
        return {}
    kept: dict[str, list[Any]] = json.loads(body) if head == _head(file, body) else {}
    return kept


def _head(file: Path, body: bytes) -> bytes:
    return f"{file.name} {VERSION} {SCHEMA} {hashlib.sha256(body).hexdigest()}".encode()


def _signature(path: str) -> list[int] | None:
    """What changes with a file; None where there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return [about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns]


def _is_settled(signature: list[list[int] | None]) -> bool:
    now = time.time_ns()
    return all(abs(now - moment) > GRAIN * 1e9 for about in signature if about for moment in about[2:])
