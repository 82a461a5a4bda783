"""A sweep and its studies: whether they fit together, and the notes of what was asked for, in a study's folder `planned/`."""

import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pcsweep.config.faults import check_folders
from pcsweep.config.labelling import together
from pcsweep.grid.identified import IdentifiedPoint, different
from pcsweep.machine.files import replacing
from pcsweep.machine.provenance import command
from pcsweep.study import cells, failures, mixing, shards
from pcsweep.study.plans import superseded
from pcsweep.study.sources import other_than_now, sources_of

_IN_A_NOTE = 10_000  # points, some tens of megabytes
_log = logging.getLogger(__name__)


def check_studies(points: Sequence[IdentifiedPoint], but: Collection[str] = ()) -> None:
    """Refuses points that cannot be written, or that must not be mixed with others of their study.

    Args:
        points: of any studies.
        but: dotted settings that may differ.

    Raises:
        BadSetting: says what to do.
    """
    points = different(points)
    for folder in {planned.folder for planned in points}:
        own = [planned for planned in points if planned.folder == folder]
        check_folders(folder)
        mixing.check(folder, [planned.settings for planned in own], all(planned.point.settings.mixed for planned in own), but)


def note(folder: Path, points: Sequence[IdentifiedPoint]) -> None:
    """Writes `planned/<hash>.json`, several of them for many points.

    Args:
        folder: of the study.
        points: of the sweep in that study.

    Raises:
        OSError: it cannot be written.
    """
    files = {planned.point.settings.cells for planned in points}
    lists = [asdict(cells.keep(folder, path)) for path in files if path is not None]
    said = {"command": command(), "schema_version": shards.SCHEMA_VERSION, **({"lists": lists} if lists else {})}
    labelling = together([planned.point.settings.labelling for planned in points])
    said |= {name: value for name, value in asdict(labelling).items() if value}
    for start in range(0, len(points), _IN_A_NOTE):
        text = json.dumps({**said, "points": [_listed(planned) for planned in points[start : start + _IN_A_NOTE]]}, indent=1)
        with replacing(folder / "planned" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json") as path:
            path.write_text(text)
    for identity in superseded(folder / "planned"):  # nobody waits for them, so their failures are none any more
        failures.forget(folder, identity)


def _listed(planned: IdentifiedPoint) -> dict[str, Any]:
    return {
        "identity": planned.identity,
        "label": planned.point.label,
        "settings": planned.settings,
        "skipped": planned.identity is None,
        "hyperparameter": planned.point.hyperparameter,
        "figure": planned.point.settings.figure,
    }


def say_sources(points: Sequence[IdentifiedPoint]) -> None:
    """Says once for each study whether its shards were computed with other code than there is now."""
    points = different(points)
    for folder in sorted({planned.folder for planned in points}):
        now = {name: sha256 for planned in points if planned.folder == folder for name, sha256 in planned.point.sources().items()}
        there = (sources_of(shards.metadata(path)) for path in (folder / "shards").glob("*.parquet"))
        if told := other_than_now(there, now):
            _log.warning("Study %s: %s.", folder.name, told)
