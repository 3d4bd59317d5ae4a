"""Filters on the configuration: `norm=pre`, `depth>=24`, `arm=pre+residual`, `norm=pre,post,depth<48`.

A filter is terms with a comma or a space between them, all of which must hold. What follows a comma without a sign of
its own is one more value of the term before. Keys are those of the configuration (`depth`, `norm`, `optimizer.lr`), and
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

SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
ORDER = (">=", "<=", ">", "<")
TERM = re.compile(r"([A-Za-z_][\w.]*)(>=|<=|!=|>|<|=)(.+)")
CONSISTS_OF = {"arm": ("norm", "residual")}
"""Keys that stand for others."""


@dataclass(frozen=True)
class Term:
    """One condition: `=` holds for any of `values`, `!=` for none of them."""

    key: str
    sign: str
    values: tuple[str, ...]

    def holds(self, value: object) -> bool:
        """Whether a value of the key meets it; a key that a cell does not have is like a value that differs."""
        if self.sign in ORDER:
            have, limit = as_number(value), as_number(self.values[0])
            return have is not None and limit is not None and SIGNS[self.sign](have, limit)
        return (self.sign == "=") == any(_same(value, wanted) for wanted in self.values)


def parse_filter(text: str) -> tuple[Term, ...]:
    """What a filter says. Raises InputError where it is none."""
    terms: list[Term] = []
    for word in re.split(r"[\s,]+", text.strip(" ,")):
        match = TERM.fullmatch(word)
        if match:
            terms.append(Term(current_key(match[1]), match[2], (current_class(match[3]),)))
        elif terms and word and not re.search("[<>=]", word) and terms[-1].sign not in ORDER:
            terms[-1] = Term(terms[-1].key, terms[-1].sign, (*terms[-1].values, current_class(word)))
        else:
            raise InputError(f"{word or text or 'an empty filter'}: expected KEY=VALUE, or >, <, >=, <=, != for the =")
    return tuple(terms)


def is_filter(text: str) -> bool:
    """Whether a word of a command line is meant as a filter and not as a path."""
    return re.search("[<>=]", text) is not None and not Path(text).exists()


def filter_values(result: CellResult) -> dict[str, Any]:
    """What filters see of a cell."""
    return {"arm": arm_of(result.choices), "status": result.status, "schema": result.schema, **result.flat}


def select(results: Sequence[CellResult], terms: Sequence[Term]) -> list[CellResult]:
    """The cells for which all terms hold.

    Raises InputError where a key is not in any of the cells, or a value is in none of them.
    """
    if not results or not terms:
        return [*results]
    flats = [filter_values(result) for result in results]
    for term in terms:
        _check(term, flats)
    return [r for r, f in zip(results, flats, strict=True) if all(t.holds(f.get(t.key)) for t in terms)]


def as_number(value: object) -> float | None:
    """A number, also from its text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def sort_key(value: str) -> tuple[float, str]:
    """By what texts are sorted: numbers by their size, before words."""
    number = as_number(value)
    return (math.inf, value) if number is None or math.isnan(number) else (number, value)


def value_text(value: object) -> str:
    """A value as it is typed."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:.12g}" if isinstance(value, float) else str(value).replace(" ", "")


def _same(value: object, wanted: str) -> bool:
    have, number = as_number(value), as_number(wanted)
    return have == number if have is not None and number is not None else value_text(value) == wanted


def _check(term: Term, flats: Sequence[dict[str, Any]]) -> None:
    keys = {key for f in flats for key in f}
    if term.key not in keys:
        inner = [key for key in sorted(keys) if key.rpartition(".")[2] == term.key]
        raise InputError(f"unknown key {term.key}{nearest(inner[0] if inner else term.key, keys)}")
    known = sorted({value_text(f[term.key]) for f in flats if term.key in f}, key=sort_key)
    if term.sign in ORDER:
        for value in (term.values[0], *known[:1]):
            if as_number(value) is None:
                raise InputError(f"{term.key}{term.sign}{term.values[0]}: {value} is no number")
        return
    for value in term.values:
        if not any(_same(have, value) for have in known):
            numeric = as_number(value) is not None
            hint = f"; there are {', '.join(known[:12])}" if numeric else nearest(value, known)
            raise InputError(f"{term.key}{term.sign}{value}: no cell here has it{hint}")
