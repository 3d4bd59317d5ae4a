"""Which cells a comparison sets against each other, and at which learning rate.

A and B are filters. The keys that terms of one of them name and that are not terms of both tell the two apart, with the
options of a group that is one of these. Cells of A and B are matched by all other keys; cells that then differ in the
learning rate alone are one arm, which is judged at its own best rate.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resexp.analysis.tuning import KEY, Choice, choice
from resexp.config.errors import InputError
from resexp.record.filters import CONSISTS_OF, Term, sort_key, value_text
from resexp.record.result import CellResult

FACTORS = ("residual", "norm")


@dataclass(frozen=True)
class Match:
    """Two arms that agree in all that does not tell A and B apart: `where`, the keys in which the matches differ."""

    where: Mapping[str, str]
    a: Choice
    b: Choice


@dataclass(frozen=True)
class Factors:
    """The arms of one complete grid, by (residual, norm); `where` as in Match."""

    where: Mapping[str, str]
    arms: Mapping[tuple[str, str], Choice]


def told_apart(a: Sequence[Term], b: Sequence[Term]) -> set[str]:
    """The keys in which A and B are meant to differ. Raises InputError where that is none."""
    keys = {term.key for term in {*a} ^ {*b}}
    told = {part for key in keys for part in CONSISTS_OF.get(key, (key,))}
    if not told:
        raise InputError("A and B are the same filter; a comparison needs two that differ")
    return told


def tuning_of(a: Sequence[CellResult], b: Sequence[CellResult], told: set[str]) -> tuple[int, ...]:
    """The seeds that choose among the learning rates of an arm: those recorded, else the lowest third of those shared.

    Empty where neither side has an arm with more than one rate: what tells two rates apart is no choice. Raises
    InputError where there is a choice and no seed for it.
    """
    if all(len(group) == 1 for side in (a, b) for group in _grouped(side, told).values()):
        return ()
    cells = [*a, *b]
    recorded = {seed for cell in cells for seed in cell.config.get("tuning_seeds") or ()}
    shared = set.intersection(*({r.seed for r in cell.replicates} for cell in cells))
    if not shared:
        raise InputError("several learning rates and no seed that all cells have: nothing can choose among them")
    return tuple(sorted(recorded) or sorted(shared)[: math.ceil(len(shared) / 3)])


def matches(a: Sequence[CellResult], b: Sequence[CellResult], told: set[str], tuning: Sequence[int]) -> list[Match]:
    """The arms of A, each with its match in B.

    Raises InputError where a filter leaves open which arm is meant, and where nothing matches.
    """
    groups_a, groups_b = ({key: _arm(name, cells, told) for key, cells in _grouped(side, told).items()}
                          for name, side in (("A", a), ("B", b)))  # fmt: skip
    shared = [key for key in groups_a if key in groups_b]
    if not shared:
        raise InputError(f"no cell of A agrees with one of B in all but {', '.join(sorted(told))}{_why(a, b, told)}")
    wheres = _wheres([groups_a[key][0] for key in shared], told)
    return [
        Match(where, choice(groups_a[key], tuning), choice(groups_b[key], tuning))
        for key, where in zip(shared, wheres, strict=True)
    ]


def factors(cells: Sequence[CellResult], tuning: Sequence[int]) -> list[Factors]:
    """The complete grids of residual × norm among `cells`."""
    grids = []
    for group in _grouped(cells, {*FACTORS}).values():
        arms: dict[tuple[str, str], list[CellResult]] = {}
        for cell in group:
            arms.setdefault((cell.choices["residual"], cell.choices["norm"]), []).append(cell)
        residuals, norms = ({key[axis] for key in arms} for axis in (0, 1))
        if min(len(residuals), len(norms)) > 1 and len(arms) == len(residuals) * len(norms):
            grids.append(arms)
    wheres = _wheres([next(iter(arms.values()))[0] for arms in grids], {*FACTORS})
    found = [
        Factors(where, {key: choice(arm, tuning) for key, arm in arms.items()})
        for where, arms in zip(wheres, grids, strict=True)
    ]
    return sorted(found, key=lambda grid: [sort_key(value) for value in grid.where.values()])


def _rest(cell: CellResult, told: Iterable[str]) -> dict[str, Any]:
    """What is left of the configuration to match by."""
    return {k: v for k, v in cell.identity_config.items() if k != KEY and not {k, k.partition(".")[0]} & {*told}}


def _grouped(cells: Sequence[CellResult], told: Iterable[str]) -> dict[str, list[CellResult]]:
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(repr(sorted(_rest(cell, told).items(), key=str)), []).append(cell)
    return groups


def _arm(name: str, cells: list[CellResult], told: set[str]) -> list[CellResult]:
    """Cells of one side that match: they must be one arm at several rates."""
    for key in sorted(told - {KEY}):
        values = sorted({value_text(cell.flat.get(key)) for cell in cells})
        if len(values) > 1:
            raise InputError(f"{name} leaves {key} open ({', '.join(values)}): say which, as in {key}={values[0]}")
    if len({repr(sorted(_rest(cell, {KEY}).items(), key=str)) for cell in cells}) > 1:
        raise InputError(f"{name} means several cells that differ in more than the learning rate: narrow it down")
    return cells


def _wheres(cells: Sequence[CellResult], told: set[str]) -> list[dict[str, str]]:
    """Of each cell, the keys in which they differ; options that only another choice brings are left out."""
    rests = [{k: value_text(v) for k, v in _rest(cell, told).items()} for cell in cells]
    keys = dict.fromkeys(k for rest in rests for k in rest)
    differ = [k for k in keys if len({rest.get(k) for rest in rests}) > 1]
    kept = [k for k in differ if "." not in k or k.partition(".")[0] not in differ]
    return [{k: rest.get(k, "–") for k in kept} for rest in rests]


def _why(a: Sequence[CellResult], b: Sequence[CellResult], told: set[str]) -> str:
    """The key in which the sides have no value in common, if there is one."""
    for key in _rest(a[0], told) if a and b else ():
        mine, others = ({value_text(_rest(c, told).get(key)) for c in side} for side in (a, b))
        if not mine & others:
            return f": {key} is {', '.join(sorted(mine))} in A and {', '.join(sorted(others))} in B"
    return ""
