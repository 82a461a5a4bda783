"""A dataset that lies near the folder it is looked for in is found, and nothing else is said."""

from pcsweep.dataset.read.places import elsewhere, lacking

PARTS = ["devkit/images", "devkit/list.txt"]


def test_the_folder_above_or_below_is_named(tmp_path):
    data = tmp_path / "data"
    (data / "devkit/images/deep/deeper").mkdir(parents=True)
    (data / "devkit/list.txt").write_text("")
    assert lacking(data, PARTS) == []
    assert lacking(data / "devkit", PARTS) == PARTS
    for inside in ("devkit", "devkit/images", "devkit/images/deep"):
        assert elsewhere(data / inside, PARTS) == f" It is here: dataset.root={data}."
    assert elsewhere(tmp_path, PARTS) == f" It is here: dataset.root={data}."


def test_several_are_named_and_a_part_alone_is_not_enough(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name / "devkit/images").mkdir(parents=True)
    assert elsewhere(tmp_path, PARTS) == ""
    assert elsewhere(tmp_path, PARTS[:1]) == f" It is here: dataset.root={tmp_path / 'one'} or {tmp_path / 'other'}."


def test_no_folder_and_a_relative_one(tmp_path, monkeypatch):
    assert elsewhere(tmp_path / "nowhere/at/all", PARTS) == ""
    (tmp_path / "devkit/images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "devkit")
    assert elsewhere(tmp_path.__class__("."), PARTS[:1]) == f" It is here: dataset.root={tmp_path}."
