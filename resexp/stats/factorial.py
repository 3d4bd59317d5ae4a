"""Main effects and interactions of residual scheme × norm placement, paired by seed.

Each effect is a contrast within a seed, a difference or a difference of differences, so that `compare_pairs` tests it.
With y the outcomes and 0 the baseline level (off, none):

| effect | contrast of a seed |
|---|---|
| residual a | mean over norms of y(a, ·) − y(0, ·) |
| norm b | mean over residuals of y(·, b) − y(·, 0) |
| a × b | (y(a, b) − y(a, 0)) − (y(0, b) − y(0, 0)) |
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from resexp.stats.paired import Alternative, PairedResult, Values, compare_pairs

# Shapes: R residual schemes, N norm placements, S seeds.

BASELINES = ("off", "none")
Grid = Mapping[tuple[str, str], Mapping[int, float]]
"""Outcomes by (residual, norm), then by seed."""


@dataclass(frozen=True)
class Effect:
    """One effect: `name` is `residual=on` or `on × pre`, `kind` is `main, from <baseline>` or `interaction`."""

    name: str
    kind: str
    paired: PairedResult


def is_factorial(levels: Mapping[tuple[str, str], object]) -> bool:
    """Return whether `levels` has all combinations of at least two residual schemes and two norms."""
    residuals, norms = ({*column} for column in zip(*levels, strict=True)) if levels else (set(), set())
    return min(len(residuals), len(norms)) >= 2 and len(levels) == len(residuals) * len(norms)


def factorial_effects(grid: Grid, alternative: Alternative = "two-sided") -> list[Effect]:
    """Test the main effects of residual and norm, then their interactions, on the seeds that all cells have.

    Raises:
        ValueError: the grid is not a complete factorial.

    """
    if not is_factorial(grid):
        raise ValueError("needs every combination of at least two residual schemes and two norms")
    seeds = sorted(set.intersection(*({*outcomes} for outcomes in grid.values())))
    residuals, norms = (_baseline_first([key[axis] for key in grid], BASELINES[axis]) for axis in (0, 1))
    y_RNS = np.array([[[grid[r, n][seed] for seed in seeds] for n in norms] for r in residuals], dtype=np.float64)
    return [
        Effect(name, kind, compare_pairs(contrast_S, alternative))
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


def _baseline_first(levels: list[str], baseline: str) -> list[str]:
    """Return the distinct levels in their order, the baseline first."""
    return sorted(dict.fromkeys(levels), key=lambda level: level != baseline)
