"""Errors in one line, and the nearest valid spelling of a word."""

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path

LONGEST = 300
"""Characters of an error of unknown origin after which `error_text` cuts it off."""


class InputError(ValueError):
    """Bad input. The message is one line for the user, who gets exit code 2; nothing was written."""


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return `; did you mean …?` with the closest of `allowed`, or the list of them if none is close."""
    names = sorted({name for name in allowed if not name.startswith("_")})
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.55)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; choose from {', '.join(names)}" if names else ""


def message_lines(error: BaseException) -> list[str]:
    """Return the lines of an error's message, without blank lines and lines that only underline with carets."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return [line for line in lines if line.strip("^ ")]


def error_text(error: BaseException) -> str:
    """Return `TypeName: message` in one line of at most 300 characters."""
    return f"{type(error).__name__}: {' '.join(message_lines(error))}"[:LONGEST]


def located_error_text(error: BaseException) -> str:
    """Return `TypeName: first line of the message (file.py:12)`, the place where the error was raised."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    first_line = "".join(message_lines(error)[:1])
    return f"{type(error).__name__}: {first_line} ({Path(frame.filename).name}:{frame.lineno})"
