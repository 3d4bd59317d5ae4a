"""Comparisons of recorded cells."""

import json
import math

import numpy as np
import pytest

from resexp.analysis.compare import compare_cells
from resexp.config.errors import InputError
from resexp.console.comparison import ComparisonView
from resexp.record.result import CellResult, Replicate
from resexp.stats.verdict import Reference
from tests.console.results import drawn

TEN = Reference(math.log(10), 0.0, 0.1, 1438)
NOISE = np.random.default_rng(0).normal(0, 0.1, 100)


def _cell(norm="pre", residual="on", depth=8, loss=0.1, *, lr=1e-3, seeds=range(8), status="done", **config):
    choices = {"dataset": "digits", "norm": norm, "residual": residual, "optimizer": "adamw"}
    values = {s: loss[i] if isinstance(loss, list) else loss * math.exp(NOISE[s]) for i, s in enumerate(seeds)}
    replicates = [Replicate(s, 300, end is not None, 2.4, 2.0, end, 0.1, end, 0.1) for s, end in values.items()]
    full = {"depth": depth, "seeds": [*seeds], "norm": {"pre": norm == "pre"}, "optimizer": {"lr": lr}, **config}
    name = f"{norm}{residual}{depth}{lr}"
    return CellResult(name, name, "/x", status, choices, full, replicates, TEN)


MATRIX = [
    _cell(n, r, d, {"on": 0.01, "off": 0.1}[r] * (1 + (n == "none")), seeds=range(12))
    for n in ("none", "pre") for r in ("on", "off") for d in (8, 48)
]  # fmt: skip


def test_cells_are_matched_by_all_keys_but_the_contrast():
    comparison = compare_cells("norm=pre", "norm=none", MATRIX)
    assert [dict(row.where) for row in comparison.rows] == [
        {"depth": d, "residual": r} for d in ("8", "48") for r in ("off", "on")
    ]
    for row in comparison.rows:
        (match,) = row.matches
        assert (match.a.test.choices["norm"], match.b.test.choices["norm"]) == ("pre", "none")
        assert match.a.test.config["depth"] == match.b.test.config["depth"]
        assert row.ratio == pytest.approx(0.5)
        assert (row.paired.n, row.p_adjusted) == (12, pytest.approx(4 * 2 / 2**12))


def test_terms_of_both_filters_only_restrict():
    comparison = compare_cells("norm=pre,depth>=24", "depth>=24,norm=none", MATRIX)
    assert [dict(row.where) for row in comparison.rows] == [{"residual": "off"}, {"residual": "on"}]
    assert len(compare_cells("arm=pre+residual", "arm=none+plain", MATRIX).rows) == 2
    (row,) = compare_cells("norm=pre,depth=8,residual=on", "norm=pre,depth=48,residual=on", MATRIX).rows
    assert row.where == {}


def test_by_averages_matches_within_a_seed():
    comparison = compare_cells("norm=pre", "norm=none", MATRIX, by="depth")
    assert [(dict(row.where), len(row.matches), row.paired.n) for row in comparison.rows] == [
        ({"depth": "8"}, 2, 12),
        ({"depth": "48"}, 2, 12),
    ]


@pytest.mark.parametrize(
    ("a", "b", "by", "message"),
    [
        ("norm=pre", "norm=pre", None, "the same filter"),
        ("norm=pre", "residual=off", None, "A leaves residual open"),
        ("norm=pre,residual=on", "norm=none", None, "B leaves residual open"),
        ("norm=pre", "norm=none", "norm", "do not differ in it"),
        ("norm=pre", "norm=nine", None, "did you mean none?"),
        ("norm=pre,depth>99", "norm=none", None, "matches none of 8 cells"),
    ],
)
def test_ambiguous_filters_are_refused(a, b, by, message):
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        compare_cells(a, b, MATRIX, by)


def test_the_error_names_the_key_in_which_cells_do_not_match():
    cells = [_cell("pre", depth=8), _cell("none", depth=48)]
    with pytest.raises(InputError, match="all but norm: depth is 8 in A and 48 in B"):
        compare_cells("norm=pre", "norm=none", cells)
    with pytest.raises(InputError, match="none of its cells is done"):
        compare_cells("norm=pre", "norm=none", [_cell("pre", status="failed"), _cell("none")])


def test_a_complete_grid_has_factorial_effects():
    comparison = compare_cells("residual=on", "residual=off", MATRIX)
    assert [(e.where["depth"], e.effect.name) for e in comparison.effects] == [
        (d, name) for d in ("8", "48") for name in ("residual=on", "norm=pre", "on × pre")
    ]
    assert [math.exp(e.effect.paired.mean) for e in comparison.effects[:3]] == pytest.approx([0.1, 0.5, 1.0])
    assert compare_cells("arm=pre+residual", "arm=none+plain", MATRIX).effects == ()


def test_each_arm_is_judged_at_its_best_rate_on_other_seeds():
    # the tuning seeds of `pre` choose 1e-2, though 1e-3 is better on the test seeds
    cells = [
        _cell("pre", loss=[0.5, 0.5, *[0.01] * 4], lr=1e-3, seeds=range(6)),
        _cell("pre", loss=[0.1, 0.1, *[0.3] * 4], lr=1e-2, seeds=range(6)),
        _cell("none", loss=[0.2] * 6, lr=1e-3, seeds=range(6)),
        _cell("none", loss=[0.4] * 6, lr=1e-2, seeds=range(6)),
    ]
    (row,) = compare_cells("norm=pre", "norm=none", cells).rows
    assert (row.matches[0].a.lr, row.matches[0].b.lr) == (1e-2, 1e-3)
    assert (row.seeds, row.ratio) == ((2, 3, 4, 5), pytest.approx(1.5))
    assert [arm.sensitivity for arm in (row.matches[0].a, row.matches[0].b)] == pytest.approx([0.145, 0.1])
    recorded = [_cell(c.choices["norm"], loss=[r.loss_train for r in c.replicates], lr=c.flat["optimizer.lr"],
                      seeds=range(6), tuning_seeds=[5]) for c in cells]  # fmt: skip
    comparison = compare_cells("norm=pre", "norm=none", recorded)
    assert (comparison.tuning_seeds, comparison.rows[0].matches[0].a.lr) == ((5,), 1e-3)
    one_rate = compare_cells("norm=pre,optimizer.lr=1e-3", "norm=none,optimizer.lr=1e-3", cells)
    assert (one_rate.tuning_seeds, one_rate.rows[0].seeds) == ((), tuple(range(6)))
    assert not one_rate.rows[0].matches[0].a.at_edge


def test_rates_in_the_filters_are_not_tuned():
    cells = [_cell("pre", loss=[x] * 8, lr=lr) for lr, x in ((1e-3, 0.2), (3e-3, 0.1), (1e-2, 0.4))]
    comparison = compare_cells("optimizer.lr=1e-3", "optimizer.lr=1e-2", cells)
    (row,) = comparison.rows
    assert (comparison.tuning_seeds, row.seeds, row.ratio) == (
        (),
        (*range(8),),
        pytest.approx(0.5),
    )
    low = compare_cells("optimizer.lr<=3e-3", "optimizer.lr=1e-2", cells)  # each side at its best
    assert (low.tuning_seeds, low.rows[0].matches[0].a.lr, low.rows[0].ratio) == ((0, 1, 2), 3e-3, pytest.approx(0.25))


@pytest.mark.parametrize("recorded", [None, [0, 1]])
@pytest.mark.parametrize("seeds", [4, 5, 8])
def test_seeds_missing_is_the_smallest_number_that_suffices(recorded, seeds):
    def compare_with(n):
        cells = [_cell(norm, lr=lr, seeds=range(n), tuning_seeds=recorded)
                 for norm in ("pre", "none") for lr in (1e-3, 1e-2)]  # fmt: skip
        return compare_cells("norm=pre", "norm=none", cells)

    first = compare_with(seeds)
    more = first.seeds_missing(first.seeds_needed, len(first.rows[0].seeds))
    assert len(compare_with(seeds + more).rows[0].seeds) == first.seeds_needed
    assert len(compare_with(seeds + more - 1).rows[0].seeds) < first.seeds_needed


def test_diverged_seeds_count_and_only_shared_seeds_are_paired():
    cells = [_cell("pre", loss=[0.1, 0.1, None], seeds=(0, 1, 2)), _cell("none", loss=[0.1, 0.2, 9.9], seeds=(1, 2, 9))]
    (row,) = compare_cells("norm=pre", "norm=none", cells).rows
    assert (row.seeds, row.unpaired) == ((1, 2), (0, 9))
    assert row.paired.mean == pytest.approx((0 + math.log(2 * math.log(10) / 0.2)) / 2)


@pytest.mark.parametrize(
    "cells",
    [
        [_cell("pre", loss=[None] * 5, seeds=range(5)), _cell("none", loss=[None] * 5, seeds=range(5))],
        [_cell("pre", loss=[0.1], seeds=[0]), _cell("none", loss=[0.2], seeds=[0])],
        [_cell("pre", loss=[0.1], seeds=[0]), _cell("none", loss=[0.2], seeds=[1])],
        [_cell("pre", loss=[0.1] * 8), _cell("none", loss=[0.1] * 8)],
        [_cell("pre", loss=[], seeds=[]), _cell("none", loss=[], seeds=[])],
        [_cell("pre", loss=[0.1], seeds=[0], lr=lr) for lr in (1e-3, 1e-2)] + [_cell("none", loss=[0.1], seeds=[0])],
    ],
    ids=["all diverged", "one seed", "no shared seed", "ties", "empty", "one seed to tune and to test"],
)
def test_degenerate_comparisons_are_shown_and_serialized(cells):
    comparison = compare_cells("norm=pre", "norm=none", cells)
    (row,) = comparison.rows
    assert row.p_adjusted == 1.0
    json.dumps(comparison.to_json(), allow_nan=False)
    assert "no p below can reach 0.05" in drawn(ComparisonView(comparison)) or row.paired.n == 8


def test_the_view_fits_80_columns_and_warns_of_missing_seeds_first():
    cells = [_cell(n, r, d, x * 0.1, seeds=range(5), lr=lr) for n, x in (("none", 2), ("pre", 1), ("post", 1.5))
             for r in ("on", "off") for d in (8, 48) for lr in (1e-3, 1e-2)]  # fmt: skip
    text = drawn(ComparisonView(compare_cells("residual=on", "residual=off", cells)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "needs 8 paired seeds; there are 3" in lines[1]
    assert text.index("no p below can reach 0.05") < text.index("A ÷ B")
    for wanted in ("Factorial", "on × post", "seeds 0 and 1", "at the edge", "every learning rate", "Sensitivity"):
        assert wanted in text


@pytest.mark.parametrize(("ends", "warned"), [([0.1, 0.1, None], True), ([None] * 3, False), ([0.1] * 3, False)])
def test_the_view_warns_of_the_interval_if_only_some_seeds_diverged(ends, warned):
    cells = [_cell("pre", loss=ends, seeds=range(3)), _cell("none", loss=[0.2] * 3, seeds=range(3))]
    assert ("trust p" in drawn(ComparisonView(compare_cells("norm=pre", "norm=none", cells)))) == warned


def test_copies_of_a_cell_count_once():
    assert len(compare_cells("norm=pre", "norm=none", [*MATRIX, *MATRIX]).rows) == 4
