"""Errors in one line."""

import pytest

from resexp.config.errors import error_text, located_error_text, message_lines, nearest


def test_messages_lose_blank_lines_and_carets():
    assert message_lines(ValueError("a  b\n\n   ^^^\n c\n")) == ["a b", "c"]
    assert message_lines(ValueError()) == []


def test_error_text_joins_all_lines_and_is_cut_off():
    assert error_text(KeyError("a")) == "KeyError: 'a'"
    assert error_text(RuntimeError("a\nb")) == "RuntimeError: a b"
    assert len(error_text(RuntimeError("a" * 1000))) == 300


def test_located_error_text_names_the_line_that_raised():
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("out of luck\nand more")
    assert located_error_text(caught.value).startswith("RuntimeError: out of luck (test_errors.py:")


def test_nearest_suggests_the_closest_word_or_lists_all():
    assert nearest("pree", ["none", "pre", "post"]) == "; did you mean pre?"
    assert nearest("zzz", ["b", "a"]) == "; choose from a, b"
