"""The factorial of residual scheme × norm placement, paired by seed: main effects and interactions.

Each effect is a contrast, a difference of differences within a seed, so that paired.compare tests it. With y the
outcomes and 0 the level that the others are held against (off, none):

| effect | contrast of a seed |
|---|---|
| residual a | mean over norms of y(a, ·) − y(0, ·) |
| norm b | mean over residuals of y(·, b) − y(·, 0) |
| a × b | (y(a, b) − y(a, 0)) − (y(0, b) − y(0, 0)) |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from resexp.stats.paired import Alternative, Paired, Values, compare

BASES = ("off", "none")
Grid = Mapping[tuple[str, str], Mapping[int, float]]
"""Outcomes by (residual, norm), then by seed."""


@dataclass(frozen=True)
class Effect:
    """One effect: its name, what it is a difference from, and what the seeds say of it."""

    name: str
    kind: str
    paired: Paired


def is_factorial(levels: Mapping[tuple[str, str], object]) -> bool:
    """Whether all combinations of at least two residual schemes and two norms are there."""
    residuals, norms = ({*column} for column in zip(*levels, strict=True)) if levels else (set(), set())
    return min(len(residuals), len(norms)) >= 2 and len(levels) == len(residuals) * len(norms)


def factorial(grid: Grid, alternative: Alternative = "two-sided") -> list[Effect]:
    """The main effects of residual and norm, then their interactions, on the seeds that all cells have.

    Raises ValueError where the grid is not complete.
    """
    if not is_factorial(grid):
        raise ValueError("needs every combination of at least two residual schemes and two norms")
    seeds = sorted(set.intersection(*({*outcomes} for outcomes in grid.values())))
    residuals, norms = (_levels([key[axis] for key in grid], BASES[axis]) for axis in (0, 1))
    y_RNS = np.array([[[grid[r, n][seed] for seed in seeds] for n in norms] for r in residuals], dtype=np.float64)
    return [
        Effect(name, kind, compare(contrast_S, alternative))
        for name, kind, contrast_S in _contrasts(y_RNS, residuals, norms)
    ]


def _contrasts(y_RNS: Values, residuals: list[str], norms: list[str]) -> Iterator[tuple[str, str, Values]]:
    from_off_RNS, from_none_RNS = y_RNS - y_RNS[:1], y_RNS - y_RNS[:, :1]
    for r, residual in enumerate(residuals[1:], 1):
        yield f"residual={residual}", f"main, from residual={residuals[0]}", from_off_RNS[r].mean(axis=0)
    for n, norm in enumerate(norms[1:], 1):
        yield f"norm={norm}", f"main, from norm={norms[0]}", from_none_RNS[:, n].mean(axis=0)
    for r, residual in enumerate(residuals[1:], 1):
        for n, norm in enumerate(norms[1:], 1):
            yield f"{residual} × {norm}", "interaction", from_none_RNS[r, n] - from_none_RNS[0, n]


def _levels(found: list[str], base: str) -> list[str]:
    """Different levels in their order, the one that the others are held against first."""
    return sorted(dict.fromkeys(found), key=lambda level: level != base)
