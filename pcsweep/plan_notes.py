"""A sweep and its studies: whether they fit together, and the notes of what was asked for, in a study's folder `planned/`."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pcsweep import mixing, shards
from pcsweep.atomic import replacing
from pcsweep.faults import check_folders
from pcsweep.grid import GridPoint
from pcsweep.provenance import command


def check_studies(points: Sequence[GridPoint]) -> None:
    """Refuses points that cannot be written, or that must not be mixed with others of their study.

    Raises:
        BadSetting: says what to do.
    """
    for folder in {point.settings.folder for point in points}:
        own = [point for point in points if point.settings.folder == folder]
        check_folders(folder)
        mixing.check(folder, [point.shared() for point in own], all(point.settings.mixed for point in own))


def note(folder: Path, points: Sequence[tuple[GridPoint, str | None]]) -> None:
    """Writes `planned/<hash>.json`.

    Args:
        folder: of the study.
        points: of the sweep in that study, each with its identity, or None where it is skipped.

    Raises:
        OSError: it cannot be written.
    """
    listed = [
        {
            "identity": identity,
            "label": point.label,
            "settings": shards.canonical(point.identified()),
            "skipped": identity is None,
            "hyperparameter": point.hyperparameter,
            "figure": point.settings.figure,
        }
        for point, identity in points
    ]
    text = json.dumps({"command": command(), "schema_version": shards.SCHEMA_VERSION, "points": listed}, indent=1)
    with replacing(folder / "planned" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json") as path:
        path.write_text(text)
