"""What a value may be, and how to say so when it is not: one line, with the nearest valid spelling."""

import difflib
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn


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


@dataclass(frozen=True)
class Kind:
    """A set of admissible values and its name in an error message."""

    expects: str
    accepts: Callable[[Any], bool]
    words: tuple[str, ...] = ()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(least: int, most: int, *words: str) -> Kind:
    """An integer from `least` to `most`, or one of `words`."""
    expects = " or ".join([f"an integer from {least} to {most}", *words])
    return Kind(expects, lambda v: v in words if isinstance(v, str) else _is_whole(v) and least <= v <= most, words)


def one_of(*words: str) -> Kind:
    """One of `words`."""
    return Kind("one of " + ", ".join(words), lambda v: v in words, words)


def _are_seeds(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_whole(s) and 0 <= s < 2**31 for s in value) and len(set(value)) == len(value)
    return _is_whole(value) and 1 <= value <= 10_000


SEEDS = Kind("an integer from 1 to 10000 or a list of different integers from 0", _are_seeds)
TUNING = Kind("null or a list of seeds", lambda v: v is None or (isinstance(v, list) and _are_seeds(v)))
CLIP = Kind("null or a number > 0", lambda v: v is None or (_is_number(v) and v > 0))
DEVICE = Kind(
    "auto, cpu, cuda, cuda:N or mps",
    lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", v) is not None,
    ("auto", "cpu", "cuda", "mps"),
)
TEXT = Kind("a text", lambda v: isinstance(v, str) and v != "")
FLAG = Kind("true or false", lambda v: isinstance(v, bool))


POSITIVE = Kind("a number > 0", lambda v: _is_number(v) and v > 0)
AT_LEAST_0 = Kind("a number ≥ 0", lambda v: _is_number(v) and v >= 0)
BELOW_1 = Kind("a number in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
TARGET = Kind(
    "the dotted name of a class", lambda v: isinstance(v, str) and re.fullmatch(r"\w+(\.\w+)+", v) is not None
)
UNIT = Kind("a number in [0, 1]", lambda v: _is_number(v) and 0 <= v <= 1)
BETAS = Kind("two numbers in [0, 1)", lambda v: isinstance(v, list) and len(v) == 2 and all(map(BELOW_1.accepts, v)))

RANGES = {
    "_target_": TARGET,
    "lr": POSITIVE,
    "eps": POSITIVE,
    "weight_decay": AT_LEAST_0,
    "momentum": BELOW_1,
    "betas": BETAS,
    "warmup": UNIT,
    "final": UNIT,
    "dropout": BELOW_1,
    "crop": whole(0, 1000),
    "context": whole(1, 1_000_000),
    "train": whole(1, 1_000_000_000),
    "validation": whole(1, 1_000_000_000),
    "classes": whole(2, 1_000_000),
    "expansion": whole(1, 1000),
    "std": AT_LEAST_0,
    "weight_variance": AT_LEAST_0,
    "bias_variance": AT_LEAST_0,
    "gain": POSITIVE,
}
"""The ranges of options whose name means the same wherever it occurs; other options have the type of their default."""

LAUNCHER = {
    "workers": whole(1, 1024, "auto"),
    "threads": whole(1, 1024, "auto"),
    "timeout": Kind("null or seconds > 0", lambda v: v is None or POSITIVE.accepts(v)),
    "memory": Kind("null or gigabytes > 0", lambda v: v is None or POSITIVE.accepts(v)),
}
"""What may be said of the local launcher."""

KINDS: list[tuple[type, Kind]] = [
    (bool, FLAG),
    (int, Kind("an integer", _is_whole)),
    (float, Kind("a finite number", _is_number)),
    (str, TEXT),
    (type(None), Kind("null or a text", lambda v: v is None or isinstance(v, str))),
    (list, Kind("a list", lambda v: isinstance(v, list))),
]
MAPPING = Kind("a mapping", lambda v: isinstance(v, dict))


def kind_of(name: str, default: object) -> Kind:
    """What an option may be: its range by name, else the type of the default that its YAML ships."""
    if name in RANGES:
        return RANGES[name]
    return next((kind for type_, kind in KINDS if isinstance(default, type_)), MAPPING)


def check(key: str, value: object, kind: Kind) -> None:
    """Raise InputError unless `value` is of `kind`."""
    if not kind.accepts(value):
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
        close = difflib.get_close_matches(str(value).lower(), kind.words, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{key}={shown}: expected {kind.expects}{hint}")
