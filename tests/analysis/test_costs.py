"""The cost of normalization."""

from pathlib import Path

import pytest

from resexp.analysis.costs import norm_costs
from resexp.analysis.sentences import cost_text
from resexp.record.index import scan


def test_norm_costs_compare_otherwise_identical_cells(make):
    make("none+residual", 8, seeds=3)
    make("pre+residual", 8, seeds=3)
    make("pre+residual", 24, seeds=3)  # no counterpart
    make("post+residual", 8, seeds=2)  # a pack of another size
    (row,) = norm_costs([*scan([Path("outputs")])])
    assert (row.name, row.pairs) == ("pre, layernorm", 1)
    assert row.ratios["step time"].mean == pytest.approx(1.25)
    text = cost_text([row])
    assert text == "A step takes 1.25 times as long with pre, layernorm (1.25 over 1 pair) as without a norm."
    assert cost_text([]) == "Step times are not recorded."
