"""Helpers of the tests of groups."""

from pathlib import Path

from resexp.analysis.groups import group_cells
from resexp.record.index import scan


def recorded_group():
    """Return the only group of cells in outputs/."""
    (group,) = group_cells(scan([Path("outputs")]))
    return group
