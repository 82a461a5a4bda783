"""A study that goes wrong stops itself: once so many of a sweep's points have failed, nothing more of it is begun."""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pcsweep.console.text import number_of
from pcsweep.machine.files import replacing
from pcsweep.study import failures, notes, submissions
from pcsweep.study.failures import Failure

SETTING = "hydra.launcher.max_failures"
NEVER: Literal["never"] = "never"
_SHARE, _LEAST = 10, 5  # one in so many points, and at least so many
_VARIES = (  # from one point to the next, where the cause is the same
    (re.compile(r"[\w.~-]*(?:/[\w.,+=~-]+)+"), "/…"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|(?<![A-Za-z_])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\b[0-9a-f]{8,}\b"), "N"),
)


@dataclass(frozen=True)
class Bound:
    """How many points may fail of those that one command has a study's tasks compute.

    Args:
        folder: of the study.
        most: so many stop it.
        points: of the command, for people.
        since: when they were sent, by the clock of the folder's file system; what failed before does not count.
        submission: its name.
    """

    folder: Path
    most: int
    points: int
    since: float
    submission: str = ""

    def reached(self) -> bool:
        """Whether so many points of the study have failed since, by the notes in its folder `failures/`."""
        return len(self._failed()) >= self.most

    def stop(self) -> None:
        """Notes why, and that what the submission's tasks have not begun is to do and has not failed."""
        with suppress(OSError):  # it is looked at again by the next task
            known = failures.read_all(self.folder)
            stop(self.folder, [self.submission], told([known[each] for each in self._failed() if each in known], self.points))

    def _failed(self) -> list[str]:
        found = []
        with suppress(OSError), os.scandir(self.folder / failures.FOLDER) as entries:  # it is looked at again
            for entry in entries:
                identity, _, kind = entry.name.partition(".")
                with suppress(OSError):
                    if identity and kind == "json" and entry.stat().st_mtime >= self.since:
                        found.append(identity)
        return found


def stop(folder: Path, names: Collection[str], why: str) -> None:
    """Notes why a study is stopped, and that what the tasks of these submissions have not begun is to do.

    Raises:
        OSError: it cannot be noted now.
    """
    with replacing(_note(folder)) as path:
        path.write_text(json.dumps(asdict(_Stopped(why, time.time())), indent=1))
    for each in submissions.read_all(folder):
        if each.name in names:
            submissions.cancelled(each)


def forget(folder: Path) -> None:
    """What is begun now has not been stopped."""
    _note(folder).unlink(missing_ok=True)


def why_stopped(folder: Path) -> str:
    """Why a study was stopped the last time; empty if it was not."""
    try:
        return notes.read(_note(folder), _Stopped)[0].why
    except (OSError, notes.Unreadable):
        return ""


def most_of(setting: int | str | None, points: int) -> int | None:
    """How many of so many points may fail by the setting `max_failures`; None where there is no bound."""
    if setting == NEVER:
        return None
    return max(_LEAST, points // _SHARE) if setting is None else int(setting)


def told(failed: Sequence[Failure], points: int) -> str:
    """How many of so many points failed, and how many of them for the same cause: `7 of 70 points failed, 6 of them with …`."""
    begin = f"{len(failed)} of {number_of(points, 'point')} failed"
    if not failed:
        return begin
    causes = Counter(map(cause, failed))
    ((most, count),) = causes.most_common(1)
    example = next(failure.error for failure in failed if cause(failure) == most)
    if count == 1:
        return f"{begin}; the last: {failed[-1].error}" if len(failed) > 1 else f"{begin}: {example}"
    return f"{begin}, {'all' if count == len(failed) else f'{count} of them'} with the same error: {example}"


def cause(failure: Failure) -> str:
    """Its words without what may differ where the cause is the same: numbers and paths."""
    text = failure.error
    for pattern, replacement in _VARIES:
        text = pattern.sub(replacement, text)
    return text


@dataclass(frozen=True)
class _Stopped:
    """What the note says."""

    why: str
    when: float


def _note(folder: Path) -> Path:
    return folder / "stopped.json"
