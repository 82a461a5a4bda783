"""Points whose task ended for want of memory: they are sent again with more of it, a few times."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pcsweep.study import submissions, submitted
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.lost import for_memory
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import Standing

_TIMES = 4  # that a waiting command sends a point again


def needed(folder: Path, lost: Mapping[str, SubmittedTask], settings: LauncherSettings) -> dict[str, int]:
    """GB for each lost point whose tasks ended for want of memory: twice as much for each that did, up to the most that may be.

    Nothing of points whose task asked for no amount.

    Raises:
        OSError: the study cannot be read now.
    """
    asked = settings.memory
    if not asked:
        return {}
    return {each: min(settings.most_memory, asked * 2**times) for each, times in _times(folder, lost).items()}


def to_try_again(folder: Path, found: Standing, settings: LauncherSettings) -> dict[str, SubmittedTask]:
    """The lost points that a waiting command sends again: with more memory, or in a smaller task, than they had.

    Raises:
        OSError: the study cannot be read now.
    """
    times = _times(folder, found.lost)
    again = {}
    for identity, task in found.lost.items():
        count = times.get(identity, 0)
        if not for_memory(task) or not 1 <= count <= _TIMES:
            continue
        grows = (settings.memory or 0) * 2 ** (count - 1) < settings.most_memory
        if grows or len(task.identities) > 1:
            again[identity] = task
    return again


def _times(folder: Path, lost: Mapping[str, SubmittedTask]) -> Counter[str]:
    """How many tasks of each lost point have ended for want of memory."""
    count: Counter[str] = Counter()
    if lost:
        for task in submitted.tasks(submissions.read_all(folder)):
            ours = lost.keys() & set(task.identities)
            if ours and for_memory(task):
                count.update(ours)
    return count
