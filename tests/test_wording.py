"""Counts and durations as people say them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.wording import duration, number_of

UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}


@pytest.mark.parametrize(("count", "said"), [(0, "0 points"), (1, "1 point"), (2, "2 points"), (12345, "12,345 points")])
def test_one_thing_is_one_thing(count, said):
    assert number_of(count, "point") == said


@settings(deadline=None, derandomize=True)
@given(st.floats(0, 1e8))
def test_a_duration_is_what_it_says_in_a_unit_that_suits_it(seconds):
    value, unit = duration(seconds).split()
    step = 1.0 if unit == "seconds" else 0.1
    assert abs(float(value) * UNITS[unit] - seconds) <= 0.51 * step * UNITS[unit]
    assert unit == "days" or float(value) <= 120
    assert unit == "seconds" or float(value) >= 2
