"""What a value may be."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config.errors import InputError, nearest
from resexp.config.settings import SETTINGS
from resexp.config.values import TYPES_BY_NAME, check_value, integer, value_type_of

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


@given(st.sampled_from(sorted(SETTINGS)), SCALARS)
def test_a_dial_accepts_or_refuses_any_value_in_one_line(name, value):
    kind = SETTINGS[name].metadata["type"]
    if kind.accepts(value):
        check_value(name, value, kind)
        return
    with pytest.raises(InputError) as error:
        check_value(name, value, kind)
    assert str(error.value).startswith(f"{name}=")
    assert kind.expects in str(error.value)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_dials_default_is_valid(name):
    check_value(name, SETTINGS[name].default, SETTINGS[name].metadata["type"])


@given(st.sampled_from(sorted(TYPES_BY_NAME)), st.sampled_from([math.nan, math.inf, -math.inf, "1e-3", None, True]))
def test_no_numeric_option_takes_what_is_not_a_finite_number(name, value):
    assert not TYPES_BY_NAME[name].accepts(value)


@given(st.one_of(st.booleans(), st.integers(), st.text(min_size=1), st.lists(st.integers()), st.none()))
def test_an_option_may_be_what_its_default_is(value):
    assert value_type_of("some_option", value).accepts(value)


@given(st.integers(-3, 5))
def test_whole_has_its_bound(value):
    assert integer(1, 3).accepts(value) == (1 <= value <= 3)
    assert not integer(1, 3).accepts(float(value))


def test_nearest_suggests_or_lists():
    assert nearest("pree", ["none", "pre", "post"]) == "; did you mean pre?"
    assert nearest("zzz", ["b", "a"]) == "; choose from a, b"
