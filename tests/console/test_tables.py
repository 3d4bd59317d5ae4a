"""Results as text."""

import dataclasses
import io
import math

from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from resexp.console import tables
from resexp.console.listing import MANY, Listing
from resexp.record.result import CellResult, Replicate
from resexp.stats.scores import Scores
from resexp.stats.verdict import Reference

TEN = Reference(math.log(10), 0.0, 0.1, 1438)


def _result(norm="pre", residual="on", depth=8, end=0.01, *, lr=1e-3, status="done", accuracy=0.9, **more):
    choices = {"dataset": "digits", "norm": norm, "residual": residual, "optimizer": more.pop("optimizer", "adamw")}
    config = {"depth": depth, "seeds": [0, 1], "dataset": {}, "norm": {}, "residual": {}, "optimizer": {"lr": lr}}
    replicates = [Replicate(s, 9, True, 2.4, end, end, accuracy, end, accuracy) for s in (0, 1)]
    return CellResult("id", f"digits-mlp/x/{depth}", "/x", status, choices, config, replicates, TEN, **more)


def _text(renderable, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


@example([1.7976931348623157e308] * 3)
@given(st.lists(st.one_of(st.none(), st.floats()), max_size=8))
def test_spread_never_fails(values):
    text = tables.spread(values)
    assert text
    assert ("±" in text) == (sum(v is not None and math.isfinite(v) for v in values) > 1)


@given(st.lists(st.floats(), max_size=300), st.integers(8, 40))
def test_a_sparkline_fits(values, width):
    line = tables.sparkline(values, width)
    assert len(line) <= width
    assert {*line} <= {*tables.BARS}


def test_names_are_printed_as_they_are():
    text = _text(tables.runs_table([_result(error="[red]no markup[/red]")]), 160)
    assert "digits-mlp/x/8" in text


def test_what_is_listed_beside_the_order():
    met, never, unknown = Scores(0.5, 120, False), Scores(0.1, 300, True), Scores()
    assert [*map(tables.to_target, (met, never, unknown))] == ["120", "> 300", "–"]
    text = _text(tables.runs_table([_result(depth=8), _result(depth=16)], {"to target": ["120", "> 300"]}))
    assert [line.split()[-2:] for line in text.splitlines()[4:6]] == [["0.0100", "120"], [">", "300"]]
    assert "accuracy" not in text


def test_the_seeds_of_a_cell_with_their_scores():
    text = _text(tables.replicates_table(_result(), {0: Scores(0.5, 4, False), 1: Scores(0.2, 9, True)}))
    assert [line.split()[-2:] for line in text.splitlines()[3:5]] == [["0.500", "4"], [">", "9"]]
    lost = [Replicate(0, 7, False, 2.4, None)]
    text = _text(tables.replicates_table(dataclasses.replace(_result(), replicates=lost), {}), 160)
    assert "diverged (at step 7)" in text


texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")), max_size=6)
cells = st.one_of(texts, st.lists(st.tuples(texts, st.sampled_from(["", "red", "dim"])), min_size=1).map(tuple))


@given(st.data(), st.integers(1, 4))
def test_a_listing_is_what_rich_draws(data, count):
    names = data.draw(st.lists(texts.filter(bool), min_size=count, max_size=count, unique=True))
    columns = {name: data.draw(st.sampled_from(["left", "right"])) for name in names}
    rows = data.draw(st.lists(st.tuples(*[cells] * count), min_size=1, max_size=4))
    listing = Listing(columns, rows)
    assert _text(listing, 200) == _text(listing._folded([False] * count, 2), 200)
    width = max(map(len, _text(listing._folded([False] * count), 200).splitlines()))
    if width > 2 and count > 1 and _text(listing).isascii():
        assert _text(listing, width) == _text(listing._folded([False] * count), width)


def test_what_is_too_wide_is_folded_where_it_is_short():
    rows = [["word " * 9, "x"]]
    for count, fits in ((1, True), (MANY, False)):
        stream = io.StringIO()
        Console(file=stream, width=30).print(Listing({"a": "left", "b": "right"}, rows * count), crop=False)
        assert (max(map(len, stream.getvalue().splitlines())) <= 30) == fits
