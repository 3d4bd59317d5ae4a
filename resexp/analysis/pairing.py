"""Which cells a comparison matches, and at which learning rate.

A and B are filters. Their contrast keys are those that a term of only one of them names; if such a key is a group, the
keys of its options are contrast keys too. Cells of A and B are matched by all other keys. Cells of one side that then
differ in the learning rate alone are one arm, which is judged at its own best rate.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from resexp.analysis.tuning import LR_KEY, RateChoice, choose_rate
from resexp.config.errors import InputError, nearest
from resexp.record.filters import COMPOSITE_KEYS, Term, sort_key, value_text
from resexp.record.result import CellResult, mapping_key
from resexp.stats.factorial import is_factorial

FACTORS = ("residual", "norm")

Where = tuple[tuple[str, str], ...]
"""Keys and values that identify a row of a comparison."""


@dataclass(frozen=True)
class MatchedArms:
    """An arm of A and one of B that agree in all but the contrast keys.

    `where` gives the values of the keys in which the matches of a comparison differ.
    """

    where: Mapping[str, str]
    a: RateChoice
    b: RateChoice


@dataclass(frozen=True)
class ArmGrid:
    """The arms of one complete factorial, by (residual, norm); `where` as in `MatchedArms`."""

    where: Mapping[str, str]
    arms: Mapping[tuple[str, str], RateChoice]


def contrast_keys(a: Sequence[Term], b: Sequence[Term]) -> set[str]:
    """Return the keys in which A and B are meant to differ.

    Raises:
        InputError: the filters are the same.

    """
    keys = {term.key for term in {*a} ^ {*b}}
    contrast = {part for key in keys for part in COMPOSITE_KEYS.get(key, (key,))}
    if not contrast:
        raise InputError("A and B are the same filter; expected two that differ")
    return contrast


def choose_tuning_seeds(a: Sequence[CellResult], b: Sequence[CellResult], contrast: set[str]) -> tuple[int, ...]:
    """Return the seeds that choose the learning rate of each arm.

    These are the recorded tuning seeds, else the lowest third of the seeds that all cells share. Empty if no arm has
    more than one rate.

    Raises:
        InputError: an arm has several rates and the cells share no seed.

    """
    if all(len(arm) == 1 for side in (a, b) for arm in _by_other_keys(side, contrast).values()):
        return ()
    cells = [*a, *b]
    recorded = {seed for cell in cells for seed in cell.tuning_seeds}
    shared = set.intersection(*({r.seed for r in cell.replicates} for cell in cells))
    if not shared:
        raise InputError("optimizer.lr: several learning rates, but no seed common to all cells to choose one")
    return tuple(sorted(recorded) or sorted(shared)[: math.ceil(len(shared) / 3)])


def match_arms(
    a: Sequence[CellResult], b: Sequence[CellResult], contrast: set[str], tuning_seeds: Sequence[int]
) -> list[MatchedArms]:
    """Match the arms of A with those of B that agree in all but the contrast keys.

    Raises:
        InputError: a filter leaves open which arm is meant, or nothing matches.

    """
    arms_a, arms_b = _arms("A", a, contrast), _arms("B", b, contrast)
    shared = [key for key in arms_a if key in arms_b]
    if not shared:
        reason = _disjoint_key(a, b, contrast)
        raise InputError(f"no cell of A agrees with one of B in all but {', '.join(sorted(contrast))}{reason}")
    wheres = _differing_values([arms_a[key][0] for key in shared], contrast)
    return [
        MatchedArms(where, choose_rate(arms_a[key], tuning_seeds), choose_rate(arms_b[key], tuning_seeds))
        for key, where in zip(shared, wheres, strict=True)
    ]


def group_matches(matches: Sequence[MatchedArms], by: str | None) -> dict[Where, list[MatchedArms]]:
    """Group matches by the value of key `by`, or each on its own if it is None, in ascending order.

    Raises:
        InputError: the matches do not differ in `by`.

    """
    keys = dict.fromkeys(key for match in matches for key in match.where)
    if by is not None and by not in keys:
        raise InputError(f"--by {by}: the comparisons do not differ in it{nearest(by, keys)}")
    groups: dict[Where, list[MatchedArms]] = {}
    for match in matches:
        where = match.where if by is None else {by: match.where[by]}
        groups.setdefault(tuple(where.items()), []).append(match)
    return {key: groups[key] for key in sorted(groups, key=lambda key: [sort_key(value) for _, value in key])}


def factorial_grids(cells: Sequence[CellResult], tuning_seeds: Sequence[int]) -> list[ArmGrid]:
    """Return the complete factorials of residual × norm among `cells`."""
    grids = []
    for group in _by_other_keys(cells, {*FACTORS}).values():
        arms: dict[tuple[str, str], list[CellResult]] = {}
        for cell in group:
            arms.setdefault((cell.choices["residual"], cell.choices["norm"]), []).append(cell)
        if is_factorial(arms):
            grids.append(arms)
    wheres = _differing_values([next(iter(arms.values()))[0] for arms in grids], {*FACTORS})
    chosen = [
        ArmGrid(where, {key: choose_rate(arm, tuning_seeds) for key, arm in arms.items()})
        for where, arms in zip(wheres, grids, strict=True)
    ]
    return sorted(chosen, key=lambda grid: [sort_key(value) for value in grid.where.values()])


def _other_keys(cell: CellResult, contrast: Iterable[str]) -> dict[str, Any]:
    """Return the part of the configuration by which cells are matched."""
    return {k: v for k, v in cell.identity_config.items() if k != LR_KEY and not {k, k.partition(".")[0]} & {*contrast}}


def _by_other_keys(cells: Sequence[CellResult], contrast: Iterable[str]) -> dict[str, list[CellResult]]:
    groups: dict[str, list[CellResult]] = {}
    for cell in cells:
        groups.setdefault(mapping_key(_other_keys(cell, contrast)), []).append(cell)
    return groups


def _arms(name: str, side: Sequence[CellResult], contrast: set[str]) -> dict[str, list[CellResult]]:
    return {key: _checked_arm(name, cells, contrast) for key, cells in _by_other_keys(side, contrast).items()}


def _checked_arm(name: str, cells: list[CellResult], contrast: set[str]) -> list[CellResult]:
    """Return the matching cells of one side, which must be one arm at several learning rates."""
    for key in sorted(contrast - {LR_KEY}):
        values = sorted({value_text(cell.flat.get(key)) for cell in cells})
        if len(values) > 1:
            raise InputError(f"{name} leaves {key} open ({', '.join(values)}): add a term such as {key}={values[0]}")
    if len({mapping_key(_other_keys(cell, {LR_KEY})) for cell in cells}) > 1:
        raise InputError(f"{name} matches several cells that differ in more than the learning rate: add terms")
    return cells


def _differing_values(cells: Sequence[CellResult], contrast: set[str]) -> list[dict[str, str]]:
    """Return for each cell the keys in which they differ, without the options that come with a differing choice."""
    others = [{k: value_text(v) for k, v in _other_keys(cell, contrast).items()} for cell in cells]
    keys = dict.fromkeys(k for values in others for k in values)
    differing = [k for k in keys if len({values.get(k) for values in others}) > 1]
    shown = [k for k in differing if "." not in k or k.partition(".")[0] not in differing]
    return [{k: values.get(k, "–") for k in shown} for values in others]


def _disjoint_key(a: Sequence[CellResult], b: Sequence[CellResult], contrast: set[str]) -> str:
    """Return a clause that names the first key in which the sides have no value in common; empty if there is none."""
    for key in _other_keys(a[0], contrast) if a and b else ():
        values_a, values_b = ({value_text(_other_keys(cell, contrast).get(key)) for cell in side} for side in (a, b))
        if not values_a & values_b:
            return f": {key} is {', '.join(sorted(values_a))} in A and {', '.join(sorted(values_b))} in B"
    return ""
