"""The folder of a study: `<output_root>/<study>`."""

import tempfile
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place, shown
from pcsweep.console.words import STUDY_NAME
from pcsweep.machine import leftovers
from pcsweep.machine.folders import make_folder


def existing_study(output_root: str, study: str) -> Path:
    """The folder of a study that is there.

    Raises:
        BadSetting: it is not; the message names those that are.
    """
    root = Path(place(output_root, "output_root"))
    folder = root / study
    if not STUDY_NAME.fullmatch(study) or not folder.is_dir():
        there = (
            ", ".join(sorted({path.parent.name for kind in ("shards", "planned") for path in root.glob(f"*/{kind}")})) or "none"
        )
        raise BadSetting(f"Expected `study` to name a study in {root} (there: {there}), but got {study!r}.")
    return folder


def study_folder(output_root: object, study: object) -> str:
    """`<output_root>/<study>`, made if missing: called before Hydra makes its own folder in there.

    Raises:
        BadSetting: a name that is no plain folder name, or a folder that cannot be written.
    """
    if not isinstance(study, str) or not STUDY_NAME.fullmatch(study):
        quotes = f"; in a file it needs quotes: study: '{study}'" if isinstance(study, int | float) else ""
        raise BadSetting(f"Expected `study` to be a name of letters, digits, '.', '_' and '-', but got {shown(study)}{quotes}.")
    if output_root is None:
        raise BadSetting("Expected `output_root` to be a path, but got null.")
    folder = Path(place(str(output_root), "output_root")) / study
    leftovers.will_make(folder)
    try:
        make_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadSetting(f"Expected `output_root` to be a folder that can be written, but {folder}: {error.strerror}.") from error
    return str(folder)
