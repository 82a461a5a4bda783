"""Which shards of a study with a search are compared: those on as many images as its complete trials were measured on."""

import logging
from pathlib import Path

from pcsweep.search.storage import journal
from pcsweep.study.mixing import Where

_COUNT = "selection.count"
_SAID = (_COUNT, "dataset.limit")

_log = logging.getLogger(__name__)


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
    images = record.terms.images[-1]
    _log.info("Of the search, the trials on %d images are read; dataset.limit=N reads those on N.", images)
    return {**asked, _COUNT: images}
