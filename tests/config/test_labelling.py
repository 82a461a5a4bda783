"""Notes and tags: what they may be, and that they change no point."""

from dataclasses import fields

import pytest
from pydantic import TypeAdapter

from pcsweep.config.errors import BadSetting
from pcsweep.config.labelling import Labelling, Note, Tags, together
from pcsweep.config.schema import checked, decisive
from pcsweep.grid.point import StudySettings

GIVEN = {
    "study": "s",
    "timesteps": 1,
    "threshold": 0.5,
    "thresholds": [0.5],
    "metrics": ["iou"],
    "seed": 0,
    "batch_size": 8,
    "device": "cpu",
    "precision": "fp32",
    "output_root": "outputs",
}


@pytest.mark.parametrize(
    ("note", "said"),
    [("two\nlines", "'two"), ("\x1b[31mred", "printable"), ("x" * 501, "at most 500"), (["a"], "a valid string")],
)
def test_a_note_is_a_line(note: object, said: str) -> None:
    with pytest.raises(BadSetting, match=f"Expected `note` to be .*{said}"):
        checked(StudySettings, {**GIVEN, "note": note})


@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (["two words"], "without spaces"),
        (["a,b"], "without spaces, commas"),
        (["x" * 41], "at most 40"),
        ([f"t{number}" for number in range(21)], "at most 20 tags"),
        (["a", "a"], "different values"),
        (["\u202e"], "printable"),
    ],
)
def test_tags_are_words(tags: list[str], said: str) -> None:
    with pytest.raises(BadSetting, match=f"Expected `tags` to be .*{said}"):
        checked(StudySettings, {**GIVEN, "tags": tags})


def test_numbers_are_as_they_were_written() -> None:
    assert TypeAdapter(Note).validate_python(2) == "2"
    assert TypeAdapter(Note).validate_python(None) == ""
    assert TypeAdapter(Tags).validate_python([2026, "a"]) == ("2026", "a")


def test_they_decide_no_number() -> None:
    settings = checked(StudySettings, {**GIVEN, "note": "first", "tags": "alpha"})
    assert (settings["note"], settings["tags"]) == ("first", ("alpha",))
    assert decisive(StudySettings, settings) == decisive(StudySettings, checked(StudySettings, GIVEN))


def test_a_point_of_an_earlier_version_says_nothing() -> None:
    settings = StudySettings(**checked(StudySettings, GIVEN))
    earlier = object.__new__(StudySettings)  # as a pickle of a version without notes makes it
    earlier.__dict__.update(
        {field.name: getattr(settings, field.name) for field in fields(settings) if field.name not in ("note", "tags")}
    )
    assert earlier.labelling == Labelling()
    assert not earlier.labelling


def test_together() -> None:
    both = together([Labelling("a", ("x", "y")), Labelling(), Labelling("b", ("y",)), Labelling("a")])
    assert both == Labelling("a; b", ("x", "y"))
    assert str(both) == "a; b [x, y]"
    assert str(Labelling(tags=("x",))) == "[x]"
