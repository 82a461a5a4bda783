"""Results go into the study, or elsewhere where nothing can be written there."""

from pathlib import Path
from tempfile import TemporaryFile

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.machine.destination import destination


def test_results_of_a_study_that_cannot_be_written_go_elsewhere(tmp_path, monkeypatch):
    study = tmp_path / "mine"
    study.mkdir()

    def closed(dir):  # noqa: A002
        if Path(dir) == study:
            raise PermissionError(13, "Permission denied")
        return TemporaryFile(dir=dir)

    monkeypatch.setattr("pcsweep.machine.destination.tempfile.TemporaryFile", closed)
    with pytest.raises(BadSetting, match=r"`study` to be a folder that can be written, but .*mine: Permission denied; to=FOLDER"):
        destination(study, "")
    assert destination(study, str(tmp_path / "a" / "b")) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(BadSetting, match=r"`to` to be a folder that can be written, but .*file"):
        destination(study, str(tmp_path / "file" / "b"))
