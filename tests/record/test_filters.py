"""Filters on the configuration."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config.errors import InputError
from resexp.record.filters import parse_filter, select
from resexp.record.result import CellResult

DEPTHS = (8, 24, 48)


def _cell(norm, residual, depth, lr=1e-3):
    choices = {"dataset": "digits", "norm": norm, "residual": residual, "optimizer": "adamw"}
    config = {"depth": depth, "width": 64, "clip": None, "optimizer": {"lr": lr}}
    return CellResult(f"{norm}{residual}{depth}{lr}", "", "", "done", choices, config)


CELLS = [_cell(n, r, d) for n in ("none", "pre") for r in ("on", "off") for d in DEPTHS] + [_cell("pre", "on", 8, 3e-3)]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("norm=pre", 7),
        ("norm!=pre", 6),
        ("depth>=24", 8),
        ("depth>8", 8),
        ("depth<24", 5),
        ("depth=8,48", 9),
        ("depth=8.0", 5),
        ("depth!=8,48", 4),
        ("norm=pre,depth>=24", 4),
        ("norm=pre depth>=24", 4),
        ("norm=none,pre,residual=off", 6),
        ("arm=pre+residual", 4),
        ("arm=none+plain, depth=8", 1),
        ("optimizer.lr=3e-3", 1),
        ("optimizer.lr=0.001", 12),
        ("clip=null", 13),
        ("status=done", 13),
        ("depth>100", 0),
    ],
)
def test_a_filter_selects_the_cells_for_which_all_terms_hold(text, count):
    assert len(select(CELLS, parse_filter(text))) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nrom=pre", "unknown key nrom; did you mean norm?"),
        ("lr=1e-3", "unknown key lr; did you mean optimizer.lr?"),
        ("norm=pree", "norm=pree: no cell has this value; did you mean pre?"),
        ("depth=47", "depth=47: no cell has this value; its values are 8, 24, 48"),
        ("norm>pre", "norm>pre: pre is not a number"),
        ("norm>3", "norm>3: none is not a number"),
        ("norm", "norm: expected KEY=VALUE"),
        ("", "an empty filter: expected"),
        ("depth>=8,24", "24: expected KEY=VALUE"),
        ("=3", "=3: expected"),
    ],
)
def test_a_bad_filter_raises_one_line(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        select(CELLS, parse_filter(text))


@given(st.sampled_from(DEPTHS), st.sampled_from(["=", ">=", ">"]))
def test_an_operator_and_its_negation_partition_the_cells(depth, operator):
    opposite = {"=": "!=", ">=": "<", ">": "<="}[operator]
    selected = [{c.id for c in select(CELLS, parse_filter(f"depth{s}{depth}"))} for s in (operator, opposite)]
    assert selected[0] | selected[1] == {c.id for c in CELLS}
    assert not selected[0] & selected[1]


def test_selecting_from_no_cells_is_no_error():
    assert select([], parse_filter("anything=1")) == []
