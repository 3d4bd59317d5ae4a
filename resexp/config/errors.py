"""Bad input, in one line with the nearest valid spelling."""

import difflib
from collections.abc import Iterable
from typing import NoReturn


class InputError(ValueError):
    """Bad input: its message is one line for the user, who gets exit code 2 and nothing written."""


def refuse(message: str) -> NoReturn:
    """Raise InputError."""
    raise InputError(message)


def nearest(word: str, allowed: Iterable[str]) -> str:
    """`; did you mean …?` for the closest of `allowed`, or the list of them where none is close."""
    names = sorted({name for name in allowed if not name.startswith("_")})
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.55)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; choose from {', '.join(names)}" if names else ""
