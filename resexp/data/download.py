"""Downloads into a cache, by torchvision, with a progress bar and a checksum."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from resexp.config.errors import InputError, message_lines


def cache_dir() -> Path:
    """Return $RESEXP_CACHE, else resexp/ in the user's cache directory."""
    if directory := os.environ.get("RESEXP_CACHE"):
        return Path(directory).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "resexp"


def cached(name: str, download: Callable[[Path], Path]) -> Path:
    """Return the directory of the data set `name` in the cache, after downloading it if it is not there.

    Args:
        name: the name of the data set.
        download: fills a scratch directory and returns the folder with the files, which then moves into the cache in
            one step, so that a directory in the cache is always complete.

    Raises:
        InputError: the download failed; the message says what to do.

    """
    target = cache_dir() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
            os.replace(download(Path(scratch)), target)
    except (OSError, RuntimeError) as error:
        if target.is_dir():  # another process has finished first
            return target
        reason = (message_lines(error) or [type(error).__name__])[-1]
        raise InputError(
            f"dataset={name}: not in {target.parent} and the download failed ({reason});"
            " connect once, or give its files with dataset.path=DIR"
        ) from None
    return target


def fetch_checked(url: str, file: Path, sha256: str) -> Path:
    """Download `url` to `file`. Raises RuntimeError if its SHA-256 is not `sha256`."""
    from torchvision.datasets.utils import download_url

    download_url(url, str(file.parent), file.name)
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise RuntimeError(f"{url}: wrong SHA-256, the file has changed")
    return file
