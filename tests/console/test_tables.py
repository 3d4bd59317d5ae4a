"""Tables of results, and results in words."""

import dataclasses
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from resexp.console.listing import MAX_FOLDED_ROWS, Listing
from resexp.console.result_text import spread, steps_to_target_text
from resexp.console.tables import replicates_table, runs_table
from resexp.record.result import Replicate
from resexp.stats.scores import Scores
from tests.console.results import cell_result, drawn


@example([1.7976931348623157e308] * 3)
@given(st.lists(st.one_of(st.none(), st.floats()), max_size=8))
def test_spread_accepts_any_values_and_shows_a_deviation_of_at_least_two(values):
    text = spread(values)
    assert text
    assert ("±" in text) == (sum(v is not None and math.isfinite(v) for v in values) > 1)


def test_errors_are_not_read_as_markup():
    text = drawn(runs_table([cell_result(error="[red]no markup[/red]")]), 160)
    assert "digits-mlp/x/8" in text


@pytest.mark.parametrize(
    ("scores", "text"), [(Scores(0.5, 120, False), "120"), (Scores(0.1, 300, True), "> 300"), (Scores(), "–")]
)
def test_steps_to_target_are_a_number_a_bound_or_unknown(scores, text):
    assert steps_to_target_text(scores) == text


def test_the_columns_of_the_order_replace_accuracy_and_time():
    text = drawn(runs_table([cell_result(depth=8), cell_result(depth=16)], {"to target": ["120", "> 300"]}))
    assert [line.split()[-2:] for line in text.splitlines()[4:6]] == [["0.0100", "120"], [">", "300"]]
    assert "accuracy" not in text


def test_replicates_are_listed_with_their_scores():
    table = replicates_table(cell_result(), {0: Scores(0.5, 4, False), 1: Scores(0.2, 9, True)})
    assert [line.split()[-2:] for line in drawn(table).splitlines()[3:5]] == [["0.500", "4"], [">", "9"]]


def test_a_diverged_replicate_is_listed_with_its_last_step():
    diverged = [Replicate(0, 7, False, 2.4, None)]
    table = replicates_table(dataclasses.replace(cell_result(), replicates=diverged), {})
    assert "diverged (at step 7)" in drawn(table, 160)


texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z", "M")), max_size=6)
entries = st.one_of(texts, st.lists(st.tuples(texts, st.sampled_from(["", "red", "dim"])), min_size=1).map(tuple))


@given(st.data(), st.integers(1, 4))
def test_a_listing_looks_like_the_table_of_rich(data, count):
    names = data.draw(st.lists(texts.filter(bool), min_size=count, max_size=count, unique=True))
    columns = {name: data.draw(st.sampled_from(["left", "right"])) for name in names}
    rows = data.draw(st.lists(st.tuples(*[entries] * count), min_size=1, max_size=4))
    listing = Listing(columns, rows)
    assert drawn(listing, 200) == drawn(listing.folded([False] * count, 2), 200)
    width = max(map(len, drawn(listing.folded([False] * count), 200).splitlines()))
    if width > 2 and count > 1 and drawn(listing).isascii():
        assert drawn(listing, width) == drawn(listing.folded([False] * count), width)


@pytest.mark.parametrize(("rows", "is_folded"), [(1, True), (MAX_FOLDED_ROWS, False)])
def test_only_short_listings_are_folded(rows, is_folded, capsys):
    Console(width=30).print(Listing({"a": "left", "b": "right"}, [["word " * 9, "x"]] * rows), crop=False)
    assert (max(map(len, capsys.readouterr().out.splitlines())) <= 30) == is_folded
