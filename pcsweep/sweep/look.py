"""A look at a study on whatever file system: what its queues say, then where its points stand."""

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.machine.patience import T, patiently
from pcsweep.study import failures, submissions, submitted
from pcsweep.study.submissions import Submission
from pcsweep.sweep.executor.answers import Answers, ask
from pcsweep.sweep.standing import Standing, standing


def readable(read: Callable[[], T]) -> T:
    """What is read of a study before anything is submitted.

    Raises:
        BadSetting: it cannot be read, several times in a row.
    """
    try:
        return patiently(read)
    except OSError as error:
        raise BadSetting(f"Expected a study that can be read, but got {failures.said(error)}.") from error


def first_look(folder: Path, identities: Iterable[str], ours: str) -> Standing:
    """Where the points stand before anything is submitted to the executor `ours`.

    Raises:
        BadSetting: the study cannot be read.
    """
    asked = list(identities)
    return readable(lambda: look(folder, asked, answers_of(submissions.read_all(folder), ours)))


def answers_of(known: Iterable[Submission], ours: str) -> Answers:
    """What is said by the executor `ours`, and by those to which the study was sent before."""
    return ask([(ours, os.geteuid()), *(each.origin for each in known)])


def look(folder: Path, identities: Iterable[str], answers: Answers) -> Standing:
    """Where the points stand now, with what the queues have said before.

    Raises:
        OSError: the study cannot be read now.
    """
    for name in ("shards", "failures", submissions.FOLDER):
        refresh(folder / name)
    return standing(folder, identities, submitted.tasks(submissions.read_all(folder)), answers)


def refresh(folder: Path) -> None:
    """Changes a folder, if there is one, which makes this machine's network file system list it anew."""
    with suppress(OSError), tempfile.NamedTemporaryFile(dir=folder, prefix=".look."):
        pass
