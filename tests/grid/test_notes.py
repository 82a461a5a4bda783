"""What was asked of a study is noted whole, in as many files as it takes, and read back with what is equal there once."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.grid import notes
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.identified import IdentifiedPoint, identified
from pcsweep.grid.loaded import Loaded
from pcsweep.study.folder import study_folder
from pcsweep.study.plans import planned

BETAS = (0.1, 0.2, 0.3, 0.4, 0.5)


@pytest.fixture(scope="module")
def points() -> list[IdentifiedPoint]:
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    loaded = Loaded()
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        words = ["dataset=shapes", "dataset.count=4", "timesteps=1", "metrics=[iou]"]
        made = [compose("config", overrides=[*words, f"pcoder.beta={beta}"]) for beta in BETAS]
    return [identified(point_from(each, loaded), loaded) for each in made]


@pytest.mark.parametrize(("most", "files"), [(2, 3), (5, 1), (10_000, 1)])
def test_many_points_are_noted_in_several_files(points, tmp_path: Path, monkeypatch, most, files):
    monkeypatch.setattr(notes, "_IN_A_NOTE", most)
    for _ in range(2):  # the same points again are the same files
        notes.note(tmp_path, points)
        assert len(list((tmp_path / "planned").iterdir())) == files
    found = {each.identity: each for each in planned(tmp_path / "planned")}
    assert {each.identity for each in points} == set(found)
    for each in points:
        there = found[each.identity]
        assert there.settings == each.settings
        assert list(there.settings) == list(each.settings)
        assert there.label == each.point.label


def test_what_is_equal_is_read_once(points, tmp_path: Path):
    notes.note(tmp_path, points)
    first, *others = planned(tmp_path / "planned")
    for other in others:
        assert all(other.settings[name] is value for name, value in first.settings.items() if name != "pcoder")
        assert other.settings["pcoder"] != first.settings["pcoder"]
