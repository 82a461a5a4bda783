"""Which settings make an identity is said where they are declared."""

import importlib
import inspect
import re
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from pcsweep.config.schema import Choice, Mark, decisive
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.point import StudySettings

ROOT = Path(conf_folder())
GROUPS = ("model", "dataset", "noise", "attribution")


def noise(image, *, profile: Annotated[Path, Mark.PLACE], share: Annotated[float, Field(ge=0)] = 0.5, grain: Path | None = None):
    """A user's own, with a file."""


def images(*, root: Path, weights: str, kind: Annotated[int | None, Mark.YOUNGER] = None):
    """A user's own, of which `weights` decides numbers."""


def test_a_setting_decides_numbers_unless_it_is_marked():
    given = {"profile": Path("a"), "share": 0.1, "grain": Path("b")}
    assert Choice("noise", "mine", noise, given).decisive() == {"name": "mine", "share": 0.1, "grain": Path("b")}
    assert Choice("noise", "mine", noise, given).describe() == {"name": "mine", **given}
    assert decisive(images, {"root": Path("a"), "weights": "x", "kind": None}) == {"root": Path("a"), "weights": "x"}
    assert decisive(images, {"root": Path("a"), "weights": "x", "kind": 3}) == {"root": Path("a"), "weights": "x", "kind": 3}


def test_the_top_level_keys_that_decide_no_number():
    aside = {"cells", "study", "batch_size", "device", "output_root", "figure", "mixed", "note", "tags"}
    names = set(StudySettings.__dataclass_fields__)
    younger = {"maps"}  # which decide none where they have no value
    assert set(decisive(StudySettings, dict.fromkeys(names))) == names - aside - younger
    assert set(decisive(StudySettings, dict.fromkeys(names, 1))) == names - aside


@pytest.mark.parametrize("path", sorted(path for group in GROUPS for path in ROOT.glob(f"{group}/*.yaml")), ids=lambda p: p.stem)
def test_no_path_is_part_of_an_identity(path):
    """Of what comes with the package; where files lie may change without a change of what they hold."""
    text = path.read_text()
    if built_on := re.search(r"^defaults:\n  - (\w+)$", text, re.MULTILINE):  # another file of the group has its function
        text = path.with_stem(built_on[1]).read_text()
    module, _, name = re.search(r"_target_: (\S+)", text)[1].rpartition(".")
    function = getattr(importlib.import_module(module), name)
    parameters = inspect.signature(function, eval_str=True).parameters
    places = {key for key, each in parameters.items() if "Path" in str(each.annotation) or "weights" in key or key == "root"}
    assert not places & set(decisive(function, dict.fromkeys(parameters, "x")))
