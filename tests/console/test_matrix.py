"""The matrix of a sweep, and what it says."""

import io
import math

import pytest
from rich.console import Console

from resexp.console.matrix import Matrix, conclusion, span
from resexp.record.result import CellResult, Replicate
from resexp.stats.shares import Share
from resexp.stats.verdict import Reference

TEN = Reference(math.log(10), 0.0, 0.1, 1438)


def _result(norm="pre", residual="on", depth=8, end=0.01, *, lr=1e-3, status="done", accuracy=0.9, **more):
    choices = {"dataset": "digits", "norm": norm, "residual": residual, "optimizer": more.pop("optimizer", "adamw")}
    config = {"depth": depth, "seeds": [0, 1], "dataset": {}, "norm": {}, "residual": {}, "optimizer": {"lr": lr}}
    replicates = [Replicate(s, 9, True, 2.4, end, end, accuracy, end, accuracy) for s in (0, 1)]
    place = f"digits-mlp/x/{depth}"
    return CellResult(f"{choices}{config}", place, "/x", status, choices, config, replicates, TEN, **more)


def _text(renderable, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def test_the_matrix_has_a_row_per_depth_and_a_column_per_arm():
    arms = [(n, r) for n in ("none", "pre", "post") for r in ("on", "off")]
    results = [_result(n, r, d, 0.01 if d == 8 else 2.31, accuracy=0.1) for d in (8, 48) for n, r in arms]
    lines = _text(Matrix(results)).splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert sum("2 trained" in line for line in lines) == 1
    assert next(line for line in lines if "2 trained" in line).count("2 trained") == 6
    assert next(line for line in lines if "2 stuck" in line).split()[0] == "48"
    assert sum(line.count("+residual") for line in lines) == 3


def test_arms_that_do_not_fit_go_below():
    results = [_result(n, r) for n in ("none", "pre", "post", "peri", "res-post") for r in ("on", "off")]
    for width, blocks in ((160, 1), (80, 2), (40, 5)):
        lines = _text(Matrix(results), width).splitlines()
        assert all(len(line) <= width for line in lines)
        assert sum("depth" in line for line in lines) == blocks
        assert sum(line.count("2 trained") for line in lines) == 10


def test_the_matrix_tells_what_else_was_swept():
    text = _text(Matrix([_result(lr=lr) for lr in (1e-3, 3e-3)]))
    assert "optimizer.lr" in text
    assert "0.003" in text
    text = _text(Matrix([_result(optimizer=o, lr=lr) for o, lr in (("sgd", 0.1), ("adamw", 1e-3))]))
    assert "optimizer " in text
    assert "optimizer.lr" not in text


def test_failures_and_flags_stand_in_the_matrix():
    text = _text(Matrix([_result(status="failed", error="x"), _result("none", end=4.0)]))
    assert "failed" in text
    assert "exploding" in text or "diverged" in text


@pytest.mark.parametrize(("count", "total", "text"), [(5, 5, "57–100 %"), (0, 5, "0–43 %"), (3, 8, "14–69 %")])
def test_the_interval_of_a_share(count, total, text):
    assert span(Share(count, total)) == text


def test_what_the_matrix_says():
    """Two of two seeds against none of two: a difference, but not one to be sure of."""
    results = [_result(n, depth=d, end=e) for n, d, e in (("pre", 8, 0.01), ("none", 8, 0.01), ("pre", 48, 0.01))]
    results.append(_result("none", depth=48, end=2.31, accuracy=0.1))
    text = " ".join(_text(conclusion(results)).split())
    assert text.startswith("pre+residual trains deepest: to depth 48, the deepest tried. Trained at depth 48: 2 of 2")
    assert "none+residual, has 0 of 2 seeds (95 % interval 0 to 66 %)" in text
    assert "The two intervals overlap: more seeds are needed" in text
    assert "34–100 %" in _text(Matrix(results))
    assert "Both arms train at depth 8" in _text(conclusion(results[:2]))


def test_without_a_verdict_there_is_no_share():
    text = _text(Matrix([_result(status="failed", error="x")]))
    assert "%" not in text
    assert "Nothing is done yet" in _text(conclusion([_result(status="failed", error="x")]))
