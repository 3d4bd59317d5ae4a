"""Value types and the check of values."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resexp.config.errors import InputError
from resexp.config.settings import SETTINGS
from resexp.config.values import TYPES_BY_NAME, check_value, integer, value_type_of

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


@given(st.sampled_from(sorted(SETTINGS)), SCALARS)
def test_a_setting_accepts_a_value_or_refuses_it_in_one_line(name, value):
    value_type = SETTINGS[name].metadata["type"]
    if value_type.accepts(value):
        check_value(name, value, value_type)
        return
    with pytest.raises(InputError) as error:
        check_value(name, value, value_type)
    assert str(error.value).startswith(f"{name}=")
    assert value_type.expects in str(error.value)


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_default_of_every_setting_is_valid(name):
    check_value(name, SETTINGS[name].default, SETTINGS[name].metadata["type"])


@given(st.sampled_from(sorted(TYPES_BY_NAME)), st.sampled_from([math.nan, math.inf, -math.inf, "1e-3", None, True]))
def test_numeric_options_accept_only_finite_numbers(name, value):
    assert not TYPES_BY_NAME[name].accepts(value)


@given(st.one_of(st.booleans(), st.integers(), st.text(min_size=1), st.lists(st.integers()), st.none()))
def test_an_option_accepts_values_of_the_type_of_its_default(value):
    assert value_type_of("some_option", value).accepts(value)


@given(st.integers(-3, 5))
def test_integers_are_bounded(value):
    assert integer(1, 3).accepts(value) == (1 <= value <= 3)
    assert not integer(1, 3).accepts(float(value))
