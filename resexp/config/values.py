"""What a value may be, and how to say so when it is not: one line, with the nearest valid spelling."""

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resexp.config.errors import InputError


@dataclass(frozen=True)
class ValueType:
    """A set of admissible values and its name in an error message."""

    expects: str
    accepts: Callable[[Any], bool]
    words: tuple[str, ...] = ()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(least: int, most: int, *words: str) -> ValueType:
    """An integer from `least` to `most`, or one of `words`."""
    expects = " or ".join([f"an integer from {least} to {most}", *words])
    return ValueType(
        expects, lambda v: v in words if isinstance(v, str) else _is_whole(v) and least <= v <= most, words
    )


def one_of(*words: str) -> ValueType:
    """One of `words`."""
    return ValueType("one of " + ", ".join(words), lambda v: v in words, words)


def _are_seeds(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_whole(s) and 0 <= s < 2**31 for s in value) and len(set(value)) == len(value)
    return _is_whole(value) and 1 <= value <= 10_000


SEEDS = ValueType("an integer from 1 to 10000 or a list of different integers from 0", _are_seeds)
TUNING = ValueType("null or a list of seeds", lambda v: v is None or (isinstance(v, list) and _are_seeds(v)))
CLIP = ValueType("null or a number > 0", lambda v: v is None or (_is_number(v) and v > 0))
DEVICE = ValueType(
    "auto, cpu, cuda, cuda:N or mps",
    lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", v) is not None,
    ("auto", "cpu", "cuda", "mps"),
)
TEXT = ValueType("a text", lambda v: isinstance(v, str) and v != "")
FLAG = ValueType("true or false", lambda v: isinstance(v, bool))


POSITIVE = ValueType("a number > 0", lambda v: _is_number(v) and v > 0)
AT_LEAST_0 = ValueType("a number ≥ 0", lambda v: _is_number(v) and v >= 0)
BELOW_1 = ValueType("a number in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
TARGET = ValueType(
    "the dotted name of a class", lambda v: isinstance(v, str) and re.fullmatch(r"\w+(\.\w+)+", v) is not None
)
UNIT = ValueType("a number in [0, 1]", lambda v: _is_number(v) and 0 <= v <= 1)
BETAS = ValueType(
    "two numbers in [0, 1)", lambda v: isinstance(v, list) and len(v) == 2 and all(map(BELOW_1.accepts, v))
)

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
    "timeout": ValueType("null or seconds > 0", lambda v: v is None or POSITIVE.accepts(v)),
    "memory": ValueType("null or gigabytes > 0", lambda v: v is None or POSITIVE.accepts(v)),
}
"""What may be said of the local launcher."""

VALUE_TYPES: list[tuple[type, ValueType]] = [
    (bool, FLAG),
    (int, ValueType("an integer", _is_whole)),
    (float, ValueType("a finite number", _is_number)),
    (str, TEXT),
    (type(None), ValueType("null or a text", lambda v: v is None or isinstance(v, str))),
    (list, ValueType("a list", lambda v: isinstance(v, list))),
]
MAPPING = ValueType("a mapping", lambda v: isinstance(v, dict))


def value_type_of(name: str, default: object) -> ValueType:
    """What an option may be: its range by name, else the type of the default that its YAML ships."""
    if name in RANGES:
        return RANGES[name]
    return next((kind for type_, kind in VALUE_TYPES if isinstance(default, type_)), MAPPING)


def check(key: str, value: object, kind: ValueType) -> None:
    """Raise InputError unless `value` is of `kind`."""
    if not kind.accepts(value):
        shown = "null" if value is None else str(value).lower() if isinstance(value, bool) else value
        close = difflib.get_close_matches(str(value).lower(), kind.words, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{key}={shown}: expected {kind.expects}{hint}")
