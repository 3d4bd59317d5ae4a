"""Downloads, through torchvision: with a progress bar, checked by checksum, into one cache from which all is read."""

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from resexp.config.errors import InputError


def cache_dir() -> Path:
    """$RESEXP_CACHE, else resexp/ in the user's cache directory."""
    if given := os.environ.get("RESEXP_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "resexp"


def cached(name: str, download: Callable[[Path], Path]) -> Path:
    """The directory of the set `name`, downloaded first where it is not in the cache.

    `download` fills a scratch directory and returns the folder with the files, which then moves into the cache as a
    whole: what lies there is always complete. Raises InputError, saying what to do, where the download fails.
    """
    target = cache_dir() / name
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as scratch:
            os.replace(download(Path(scratch)), target)
    except (OSError, RuntimeError) as error:
        if target.is_dir():  # another process was faster
            return target
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise InputError(
            f"dataset={name}: not in {target.parent} and the download failed ({reason});"
            " connect once, or give its files with dataset.path=DIR"
        ) from None
    return target


def fetch_checked(url: str, file: Path, sha256: str) -> Path:
    """Download `url` to `file`. Raises RuntimeError where its SHA-256 is another one."""
    from torchvision.datasets.utils import download_url

    download_url(url, str(file.parent), file.name)
    if hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise RuntimeError(f"{url} is not what it was: wrong SHA-256")
    return file
