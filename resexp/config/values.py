"""Value types of settings and options, and the check of a value against its type."""

import difflib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from resexp.config.errors import InputError


@dataclass(frozen=True)
class ValueType:
    """A set of valid values.

    Attributes:
        expects: the description in an error message, after "expected".
        accepts: whether a value is valid.
        words: the valid words, from which an error suggests the nearest.
        is_choice: whether nothing else is valid.

    """

    expects: str
    accepts: Callable[[Any], bool]
    words: tuple[str, ...] = ()
    is_choice: bool = False


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def integer(minimum: int, maximum: int, *words: str) -> ValueType:
    """Return the type of an integer in [minimum, maximum], or one of `words`."""
    expects = " or ".join([f"an integer from {minimum} to {maximum}", *words])
    return ValueType(
        expects, lambda v: v in words if isinstance(v, str) else _is_integer(v) and minimum <= v <= maximum, words
    )


def one_of(*words: str) -> ValueType:
    """Return the type of a choice among `words`."""
    return ValueType("one of " + ", ".join(words), lambda v: v in words, words, is_choice=True)


def _are_seeds(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_is_integer(s) and 0 <= s < 2**31 for s in value) and len(set(value)) == len(value)
    return _is_integer(value) and 1 <= value <= 10_000


SEEDS = ValueType("an integer from 1 to 10000 or a list of distinct integers ≥ 0", _are_seeds)
OPTIONAL_SEEDS = ValueType("null or a list of seeds", lambda v: v is None or (isinstance(v, list) and _are_seeds(v)))
OPTIONAL_POSITIVE = ValueType("null or a number > 0", lambda v: v is None or (_is_number(v) and v > 0))
DEVICE = ValueType(
    "auto, cpu, cuda, cuda:N or mps",
    lambda v: isinstance(v, str) and re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", v) is not None,
    ("auto", "cpu", "cuda", "mps"),
)
STRING = ValueType("a non-empty string", lambda v: isinstance(v, str) and v != "")
BOOLEAN = ValueType("true or false", lambda v: isinstance(v, bool))
POSITIVE = ValueType("a number > 0", lambda v: _is_number(v) and v > 0)
NON_NEGATIVE = ValueType("a number ≥ 0", lambda v: _is_number(v) and v >= 0)
FRACTION_BELOW_1 = ValueType("a number in [0, 1)", lambda v: _is_number(v) and 0 <= v < 1)
CLASS_PATH = ValueType(
    "the dotted path of a class, such as torch.nn.RMSNorm",
    lambda v: isinstance(v, str) and re.fullmatch(r"\w+(\.\w+)+", v) is not None,
)
FRACTION = ValueType("a number in [0, 1]", lambda v: _is_number(v) and 0 <= v <= 1)
BETAS = ValueType(
    "two numbers in [0, 1)", lambda v: isinstance(v, list) and len(v) == 2 and all(map(FRACTION_BELOW_1.accepts, v))
)

TYPES_BY_NAME = {
    "_target_": CLASS_PATH,
    "lr": POSITIVE,
    "eps": POSITIVE,
    "weight_decay": NON_NEGATIVE,
    "momentum": FRACTION_BELOW_1,
    "betas": BETAS,
    "warmup": FRACTION,
    "final": FRACTION,
    "dropout": FRACTION_BELOW_1,
    "crop": integer(0, 1000),
    "context": integer(1, 1_000_000),
    "train": integer(1, 1_000_000_000),
    "validation": integer(1, 1_000_000_000),
    "classes": integer(2, 1_000_000),
    "expansion": integer(1, 1000),
    "std": NON_NEGATIVE,
    "weight_variance": NON_NEGATIVE,
    "bias_variance": NON_NEGATIVE,
    "gain": POSITIVE,
}
"""Types of options whose name means the same in every group; other options have the type of their default."""

LAUNCHER_TYPES = {
    "workers": integer(1, 1024, "auto"),
    "threads": integer(1, 1024, "auto"),
    "timeout": ValueType("null or seconds > 0", lambda v: v is None or POSITIVE.accepts(v)),
    "memory": ValueType("null or gigabytes > 0", lambda v: v is None or POSITIVE.accepts(v)),
}
"""Types of the local launcher's options."""

TYPES_BY_DEFAULT: list[tuple[type, ValueType]] = [
    (bool, BOOLEAN),
    (int, ValueType("an integer", _is_integer)),
    (float, ValueType("a finite number", _is_number)),
    (str, STRING),
    (type(None), ValueType("null or a string", lambda v: v is None or isinstance(v, str))),
    (list, ValueType("a list", lambda v: isinstance(v, list))),
]
MAPPING = ValueType("a mapping", lambda v: isinstance(v, dict))


def value_type_of(name: str, default: object) -> ValueType:
    """Return the type of an option: by its name, else by the default in its YAML."""
    if name in TYPES_BY_NAME:
        return TYPES_BY_NAME[name]
    return next((value_type for type_, value_type in TYPES_BY_DEFAULT if isinstance(default, type_)), MAPPING)


def shown(value: object) -> str:
    """Return a value as it is written in an override."""
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def check_value(key: str, value: object, value_type: ValueType) -> None:
    """Raise InputError unless `value` is of `value_type`; `key` is its name in the message."""
    if not value_type.accepts(value):
        close = difflib.get_close_matches(str(value).lower(), value_type.words, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise InputError(f"{key}={shown(value)}: expected {value_type.expects}{hint}")
