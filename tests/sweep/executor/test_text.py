"""Control characters are refused wherever they are in what a queue is handed."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.sweep.executor.text import check_text


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x7f", "\x0b"])
@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("gpu{}#SBATCH --uid=0", "word"),
        (["ok", "module{} load"], "word.1"),
        ({"mail-type": "{}END"}, "word.mail-type"),
        ({"mail{}type": "END"}, "word"),
    ],
)
def test_control_characters_are_refused_wherever_they_are(value, place, character):
    def put(part):
        if isinstance(part, dict):
            return {put(key): put(inner) for key, inner in part.items()}
        return [put(inner) for inner in part] if isinstance(part, list) else part.replace("{}", character)

    check_text("word", value)
    with pytest.raises(ValueError, match=rf"Expected `{re.escape(place)}` to have no control characters, but got"):
        check_text("word", put(value))


@settings(deadline=None, derandomize=True)
@given(
    st.recursive(st.text(st.characters(exclude_categories=["Cc", "Cs"])) | st.integers() | st.none() | st.booleans(), st.lists)
)
def test_any_other_text_is_left_alone(value):
    check_text("word", value)
