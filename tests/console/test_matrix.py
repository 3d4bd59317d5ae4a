"""The matrix of a sweep, and its conclusion."""

import pytest

from resexp.console.matrix import Matrix, conclusion
from tests.console.results import cell_result, drawn


def test_the_matrix_has_a_row_per_depth_and_a_column_per_arm():
    arms = [(norm, residual) for norm in ("none", "pre", "post") for residual in ("on", "off")]
    ends = {8: 0.01, 48: 2.31}
    results = [cell_result(*arm, depth, loss, accuracy=0.1) for depth, loss in ends.items() for arm in arms]
    lines = drawn(Matrix(results)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert sum("2 trained" in line for line in lines) == 1
    assert next(line for line in lines if "2 trained" in line).count("2 trained") == 6
    assert next(line for line in lines if "2 stuck" in line).split()[0] == "48"
    assert sum(line.count("+residual") for line in lines) == 3


@pytest.mark.parametrize(("width", "tables"), [(160, 1), (80, 2), (40, 5)])
def test_arms_that_do_not_fit_go_into_tables_below(width, tables):
    norms = ("none", "pre", "post", "peri", "res-post")
    results = [cell_result(norm, residual) for norm in norms for residual in ("on", "off")]
    lines = drawn(Matrix(results), width).splitlines()
    assert all(len(line) <= width for line in lines)
    assert sum("depth" in line for line in lines) == tables
    assert sum(line.count("2 trained") for line in lines) == 10


def test_other_settings_that_differ_have_columns():
    text = drawn(Matrix([cell_result(lr=lr) for lr in (1e-3, 3e-3)]))
    assert "optimizer.lr" in text
    assert "0.003" in text


def test_an_option_that_differs_stands_for_its_settings():
    text = drawn(Matrix([cell_result(optimizer=name, lr=lr) for name, lr in (("sgd", 0.1), ("adamw", 1e-3))]))
    assert "optimizer " in text
    assert "optimizer.lr" not in text


def test_failures_and_flags_are_shown():
    text = drawn(Matrix([cell_result(status="failed", error="x"), cell_result("none", loss=4.0)]))
    assert "failed" in text
    assert "exploding" in text or "diverged" in text


def test_the_conclusion_names_the_deepest_arm_and_its_uncertainty():
    shallow = [cell_result(norm, depth=8) for norm in ("pre", "none")]
    deep = [cell_result("pre", depth=48), cell_result("none", depth=48, loss=2.31, accuracy=0.1)]
    text = " ".join(drawn(conclusion([*shallow, *deep])).split())
    assert text.startswith("pre+residual trains deepest: to depth 48, the deepest tried. Trained at depth 48: 2 of 2")
    assert "none+residual, has 0 of 2 seeds (95 % interval 0 to 66 %)" in text
    assert "The two intervals overlap: more seeds are needed" in text
    assert "34–100 %" in drawn(Matrix([*shallow, *deep]))
    assert "Both arms train at depth 8" in drawn(conclusion(shallow))


def test_a_cell_without_verdicts_has_no_share():
    failed = cell_result(status="failed", error="x")
    assert "%" not in drawn(Matrix([failed]))
    assert "Nothing is done yet" in drawn(conclusion([failed]))
