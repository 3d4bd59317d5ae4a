"""Filters on the configuration: `norm=pre`, `depth>=24`, `arm=pre+residual`, `norm=pre,post,depth<48`.

A filter is a list of terms, separated by commas or spaces, all of which must hold. A word without an operator is one
more value of the term before it. Keys are those of the configuration (`depth`, `norm`, `optimizer.lr`), and
`arm`, `status` and `schema`. Keys and classes of earlier schemas are read as what they are called today.
"""

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resexp.config.errors import InputError, nearest
from resexp.config.names import arm_of
from resexp.record.migration import current_class, current_key
from resexp.record.result import CellResult

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
ORDERING = (">=", "<=", ">", "<")
TERM = re.compile(r"([A-Za-z_][\w.]*)(>=|<=|!=|>|<|=)(.+)")
COMPOSITE_KEYS = {"arm": ("norm", "residual")}
"""Keys that combine others."""


@dataclass(frozen=True)
class Term:
    """One condition: `=` holds for any of `values`, `!=` for none of them."""

    key: str
    operator: str
    values: tuple[str, ...]

    def holds(self, value: object) -> bool:
        """Whether `value` fulfills the condition. None, for a key that a cell does not have, equals no value."""
        if self.operator in ORDERING:
            number, limit = as_number(value), as_number(self.values[0])
            return number is not None and limit is not None and OPERATORS[self.operator](number, limit)
        return (self.operator == "=") == any(_equals(value, text) for text in self.values)


def parse_filter(text: str) -> tuple[Term, ...]:
    """Return the terms of a filter. Raises InputError if `text` is not a filter."""
    terms: list[Term] = []
    for word in re.split(r"[\s,]+", text.strip(" ,")):
        match = TERM.fullmatch(word)
        if match:
            terms.append(Term(current_key(match[1]), match[2], (current_class(match[3]),)))
        elif terms and word and not re.search("[<>=]", word) and terms[-1].operator not in ORDERING:
            terms[-1] = Term(terms[-1].key, terms[-1].operator, (*terms[-1].values, current_class(word)))
        else:
            raise InputError(
                f"{word or text or 'an empty filter'}: expected KEY=VALUE, or >, <, >=, <= or != instead of ="
            )
    return tuple(terms)


def is_filter(text: str) -> bool:
    """Whether a word of a command line is a filter and not a path."""
    return re.search("[<>=]", text) is not None and not Path(text).exists()


def filter_values(result: CellResult) -> dict[str, Any]:
    """Return the values of a cell that filters and tables use."""
    return {"arm": arm_of(result.choices), "status": result.status, "schema": result.schema, **result.flat}


def select(results: Sequence[CellResult], terms: Sequence[Term]) -> list[CellResult]:
    """Return the cells for which all terms hold.

    Raises:
        InputError: no cell has the key of a term, or no cell has one of its values.

    """
    if not results or not terms:
        return [*results]
    cells = [filter_values(result) for result in results]
    for term in terms:
        _check(term, cells)
    pairs = zip(results, cells, strict=True)
    return [result for result, values in pairs if all(term.holds(values.get(term.key)) for term in terms)]


def as_number(value: object) -> float | None:
    """Return a number or the number that a text spells; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def sort_key(value: str) -> tuple[float, str]:
    """Return the key that sorts texts: numbers by size, before words."""
    number = as_number(value)
    return (math.inf, value) if number is None or math.isnan(number) else (number, value)


def value_text(value: object) -> str:
    """Return a value as a user types it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.12g}" if isinstance(value, float) else str(value).replace(" ", "")


def _equals(value: object, text: str) -> bool:
    """Whether a value is what `text` spells, as a number if both are numbers."""
    number, typed = as_number(value), as_number(text)
    return number == typed if number is not None and typed is not None else value_text(value) == text


def _check(term: Term, cells: Sequence[dict[str, Any]]) -> None:
    """Raise InputError if no cell has the key of a term, or one of its values."""
    keys = {key for values in cells for key in values}
    if term.key not in keys:
        inner = [key for key in sorted(keys) if key.rpartition(".")[2] == term.key]
        raise InputError(f"unknown key {term.key}{nearest(inner[0] if inner else term.key, keys)}")
    present = sorted({value_text(values[term.key]) for values in cells if term.key in values}, key=sort_key)
    if term.operator in ORDERING:
        for value in (term.values[0], *present[:1]):
            if as_number(value) is None:
                raise InputError(f"{term.key}{term.operator}{term.values[0]}: {value} is not a number")
        return
    for value in term.values:
        if not any(_equals(text, value) for text in present):
            is_number = as_number(value) is not None
            hint = f"; its values are {', '.join(present[:12])}" if is_number else nearest(value, present)
            raise InputError(f"{term.key}{term.operator}{value}: no cell has this value{hint}")
