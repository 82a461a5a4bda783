"""Counts and durations as people say them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.console.text import duration, gibibytes, hours_of, number_of, paragraph, printable

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


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters() | st.sampled_from("\x1b\x00\x9b\u202e\r\ud800\\n\t")))
def test_what_is_printable_obeys_nothing_and_stays(text):
    shown = printable(text)
    shown.encode()  # no half of a character
    assert not any(ord(letter) < 32 and letter not in "\n\t" or 127 <= ord(letter) < 160 for letter in shown)
    assert not set(shown) & set("\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert printable(shown) == shown


def test_common_text_is_printable_as_it_is():
    text = "β = 0.4, λ\tσ²  ‘ä’ 頭 🙂 é \\x1b\n"
    assert printable(text) == text
    assert printable("\x1b]0;title\x07") == "\\x1b]0;title\\x07"


def test_a_paragraph_fits_its_lines():
    lines = paragraph("metric", "one of:", [f"metric_{number}" for number in range(20)]).splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 79
    assert all(line.startswith(" " * 14) for line in lines[1:])
    assert lines[0].startswith("metric        one of: metric_0, metric_1")


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (0.0, "0 core-seconds"),
        (119 / 3600, "119 core-seconds"),
        (120 / 3600, "2 core-minutes"),
        (1.99, "119 core-minutes"),
        (2.0, "2 core-hours"),
        (3.24, "3.24 core-hours"),
        (1234.5, "1,234 core-hours"),
    ],
)
def test_hours_of_cores_are_told_in_a_unit_that_suits_them(hours, said):
    assert hours_of(hours, "core") == said


@pytest.mark.parametrize(
    ("size", "said"), [(0.0, "0"), (0.421, "0.42"), (2.14, "2.1"), (9.9, "9.9"), (16.4, "16"), (1600.0, "1,600")]
)
def test_memory_is_told_in_gibibytes(size, said):
    assert gibibytes(round(size * 2**30)) == said
