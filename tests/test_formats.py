"""Numbers in words."""

import pytest

from resexp.formats import (
    duration,
    interval_text,
    listed,
    loss_text,
    percent_interval_text,
    plural,
    power_of_ten,
    scaled,
    seeds_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00174, "0.00174"),
        (0.16, "0.160"),
        (2.3, "2.30"),
        (1044.2, "1,044"),
        (3.2e7, "3.2e+07"),
        (0, "0.00"),
        (None, "–"),
    ],
)
def test_losses_have_three_digits(value, text):
    assert loss_text(value) == text


def test_powers_of_ten():
    assert [power_of_ten(exponent) for exponent in (-12, 0, 3)] == ["10⁻¹²", "10⁰", "10³"]


@pytest.mark.parametrize(("seconds", "text"), [(4.23, "4.2 s"), (200, "3 min 20 s"), (7500, "2 h 05 min"), (None, "–")])
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(1.52e9, "1.52 GFLOP"), (2e6, "2.00 MFLOP"), (999, "999 FLOP"), (123456, "123 kFLOP")]
)
def test_counts_have_prefixes(count, text):
    assert scaled(count, "FLOP") == text


def test_lists_read_as_a_sentence():
    assert [listed([*"abc"[:n]]) for n in (0, 1, 2, 3)] == ["", "a", "a and b", "a, b and c"]


def test_nouns_follow_their_count():
    assert [plural(n, "seed") for n in (0, 1, 3, 1200)] == ["0 seeds", "1 seed", "3 seeds", "1,200 seeds"]
    assert plural(2, "search", "searches") == "2 searches"
    assert [seeds_text(range(n)) for n in (1, 3)] == ["seed 0", "seeds 0, 1 and 2"]


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (24.2, 40.0, "24 to 40"),
        (5.1, 9.0, "5.1 to 9.0"),
        (24.1, 24.4, "24"),
        (52, None, "52 or more"),
        (None, 5.1, "5.1 or less"),
        (None, None, "unknown"),
    ],
)
def test_intervals_name_both_ends_or_the_one_that_is_known(low, high, text):
    assert interval_text(low, high) == text


def test_intervals_use_the_format_of_their_ends():
    assert interval_text(0.0, 1.205, "{:.2f}".format) == "0.00 to 1.21"
    assert percent_interval_text(0.5655, 1.0) == "57 to 100 %"
