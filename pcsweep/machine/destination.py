"""Where the tables, pictures and pages of a study go: into its folder, or elsewhere where that is somebody else's."""

import tempfile
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.machine.folders import make_folder


def destination(study: Path, to: str, word: str = "to") -> Path:
    """The folder that results are written into, which can be written.

    Args:
        study: the folder of the study.
        to: the word `to`; empty for the study's own folder.
        word: what it is called, if not `to`.

    Raises:
        BadSetting: nothing can be written there; names the way out.
    """
    folder = Path(to).expanduser() if to else study
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        name = word if to else "study"
        way = "" if to else f"; {word}=FOLDER writes the results elsewhere"
        raise BadSetting(f"Expected `{name}` to be a folder that can be written, but {folder}: {error.strerror}{way}.") from error
