"""Numbers in words."""

import pytest

from resexp.formats import duration, listed, loss_text, scaled


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
