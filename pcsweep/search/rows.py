"""Which shards of a study with a search are compared: those on as many images as its complete trials were measured on."""

from pathlib import Path

from pcsweep.search.place import journal
from pcsweep.study.mixing import Where

_COUNT = "selection.count"
_SAID = (_COUNT, "dataset.limit")


def of_search(folder: Path, where: Where | None) -> Where:
    """The settings that shards must have to be read, with the number of images in a study that holds a search.

    Args:
        folder: of the study.
        where: what was asked for; a number of images in it stays.
    """
    asked = dict(where or {})
    if not journal(folder).exists() or any(name in asked for name in _SAID):
        return asked
    from pcsweep.search.record import read

    record = read(folder)
    if record is None or not record.complete:
        return asked
    return {**asked, _COUNT: record.terms.images[-1]}
