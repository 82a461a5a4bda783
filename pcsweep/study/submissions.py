"""Submissions: which tasks of which job arrays were sent to which queue for which grid points.

One JSON file each in the study's folder `submissions/`, written before the queue is asked, so that a command killed at any moment
leaves no job unknown: tasks are recognised in the queue by the name of their array, which is like no other. The file's name
follows from the points it sends, and is taken by the first of two commands that send the same points at once.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from pcsweep.machine.files import replacing
from pcsweep.machine.folders import make_folder
from pcsweep.machine.ownership import why_not_private
from pcsweep.machine.renewal import age
from pcsweep.study import notes

Origin = tuple[str, int]  # the name of the executor to which something was sent, and the number of the user who sent it
FOLDER = "submissions"
_PRIVATE = 0o700
_SENDING = 120.0  # seconds after which a command on another machine that has not renewed its note is gone


@dataclass(frozen=True)
class Array:
    """A job array.

    Args:
        name: of its tasks in the queue.
        tasks: the identities of each task's grid points.
        job: its number, once the queue has given it.
        cancelled: by `pcsweep.cancel`.
    """

    name: str
    tasks: tuple[tuple[str, ...], ...]
    job: str | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class Destination:
    """Where tasks are sent: to which executor, and under names that begin how; otherwise as the study's does."""

    executor: str = "slurm"
    prefix: str | None = None


@dataclass(frozen=True)
class _Note:
    """What the file of a submission says."""

    arrays: tuple[Array, ...]
    command: str
    when: float
    by: str = ""
    executor: str = "slurm"  # as it was before others could be named


@dataclass(frozen=True)
class Submission:
    """What one command has sent; `when` in seconds since 1970."""

    folder: Path  # of the study
    name: str
    arrays: tuple[Array, ...]
    command: str
    when: float
    by: str = ""  # host, number and start of the command's process
    owner: int = field(default_factory=os.geteuid)  # the number of the user whose command it was
    executor: str = "slurm"  # that it was sent to

    @property
    def origin(self) -> Origin:
        """To which executor it was sent, and by whom."""
        return self.executor, self.owner

    @property
    def path(self) -> Path:
        """Of the file."""
        return self.folder / FOLDER / f"{self.name}.json"

    @property
    def logs(self) -> Path:
        """The folder, readable for its owner alone, of what the queue runs and of its logs."""
        return self.folder / FOLDER / self.name

    @property
    def sent(self) -> bool:
        """Whether the queue has taken all of it."""
        return bool(self.arrays) and all(array.job is not None for array in self.arrays)

    @property
    def being_sent(self) -> bool:
        """Whether the command that noted it, or an sbatch that has outlived it, may still be handing it to the queue."""
        if self.sent:
            return False
        host, _, process = self.by.partition(" ")
        if host == socket.gethostname():
            return process == _process(process.partition(" ")[0]) or self._has_sbatch()
        try:
            return abs(age(self.path)) < _SENDING
        except FileNotFoundError:
            return False

    def _has_sbatch(self) -> bool:
        """Whether a process of this machine has a script of this submission in its command line."""
        script = re.compile(rb"/%b/%b/%b/[^/\0]+\.sh\0" % tuple(re.escape(os.fsencode(name)) for name in self.logs.parts[-3:]))
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if script.search(path.read_bytes()):
                    return True
        return False

    def concerns(self, identities: frozenset[str]) -> bool:
        """Whether it has one of these points, or may have since it is just being written."""
        return not self.arrays or any(not identities.isdisjoint(task) for array in self.arrays for task in array.tasks)


def new(
    folder: Path,
    tasks: Sequence[Sequence[str]],
    sizes: Sequence[int],
    command: str,
    known: Sequence[Submission],
    to: Destination = Destination(),
) -> Submission | None:
    """Takes a new submission of a study's tasks, in arrays of these sizes; None where another command has just taken the same.

    Args:
        folder: of the study.
        tasks: the identities of each task's points.
        sizes: of the arrays, adding up to the number of tasks.
        command: what was typed.
        known: the submissions that were there when it was found that nobody computes these points.
        to: where they are sent.

    Raises:
        OSError: the study's folder cannot be written.
    """
    make_folder(folder / FOLDER)
    points = sorted(identity for task in tasks for identity in task)
    stem = hashlib.sha256(" ".join(points).encode()).hexdigest()[:8]
    numbers = [each.name.rpartition(".")[2] for each in known if each.name.startswith(f"{stem}.")]
    before = [int(number) for number in numbers if number.isdecimal()]
    name = f"{stem}.{1 + max(before, default=-1)}"
    token = secrets.token_hex(4)
    arrays, start = [], 0
    for number, size in enumerate(sizes):
        chosen = tuple(tuple(task) for task in tasks[start : start + size])
        arrays.append(Array(f"{to.prefix or folder.name}-{token}-{number}", chosen))
        start += size
    by = f"{socket.gethostname()} {_process(os.getpid())}"
    submission = Submission(folder, name, tuple(arrays), command, time.time(), by, executor=to.executor)
    make_private(submission.logs)
    try:
        descriptor = os.open(submission.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(_text(submission))
    except OSError:
        submission.path.unlink(missing_ok=True)
        raise
    return submission


def make_private(folder: Path) -> None:
    """Makes a folder for its owner alone, or makes sure that it is one.

    Raises:
        PermissionError: it belongs to somebody else, or others may have put something there.
    """
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=_PRIVATE)
    if problem := why_not_private(folder.lstat()):
        raise PermissionError(
            f"Expected a folder of one's own for what tasks shall run, but of {folder} {problem}; nobody knows "
            "what is in it now, so remove it."
        )
    folder.chmod(_PRIVATE)


def cancelled(submission: Submission) -> Submission:
    """Notes that its arrays have been cancelled: their points are to be done, and have not failed."""
    noted = replace(submission, arrays=tuple(replace(array, cancelled=True) for array in submission.arrays))
    if noted != submission and not submission.being_sent:  # or its command, which writes the note as well, would undo that
        _write(noted)
    return noted


def with_jobs(submission: Submission, jobs: Sequence[str]) -> Submission:
    """Notes the numbers that the queue gave to the first arrays."""
    numbered = [replace(array, job=job) for array, job in zip(submission.arrays, jobs, strict=False)]
    noted = replace(submission, arrays=(*numbered, *submission.arrays[len(numbered) :]))
    _write(noted)
    return noted


def withdraw(submission: Submission) -> None:
    """Forgets the arrays that the queue has not taken."""
    kept = tuple(array for array in submission.arrays if array.job is not None)
    if kept:
        _write(replace(submission, arrays=kept))
    else:
        submission.path.unlink(missing_ok=True)
        shutil.rmtree(submission.logs, ignore_errors=True)


def read_all(folder: Path) -> list[Submission]:
    """The submissions of a study, oldest first; one that is just being written counts as one of no tasks.

    Of what is no note, and is not being written either, it is said once that it is passed over.

    Raises:
        OSError: they cannot be read now.
    """
    found = []
    for path in notes.paths(folder / FOLDER):
        try:
            note, status = notes.read(path, _Note)
        except FileNotFoundError:
            continue
        except notes.Unreadable as error:
            found.append(Submission(folder, path.stem, (), "", time.time()))  # its name is taken
            if not found[-1].being_sent:
                notes.name_once(path, str(error))
            continue
        found.append(Submission(folder, path.stem, note.arrays, note.command, note.when, note.by, status.st_uid, note.executor))
    return sorted(found, key=lambda each: each.when)


def _write(submission: Submission) -> None:
    with replacing(submission.path) as path:
        path.write_text(_text(submission))
        if path.stat().st_uid != submission.owner:  # written by root
            os.chown(path, submission.owner, -1)


def _process(number: int | str) -> str:
    """Number and start of a process of this machine, which no other has; empty if there is none."""
    try:
        return f"{number} {Path('/proc', str(number), 'stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def _text(submission: Submission) -> str:
    content = asdict(submission)
    keys = ("arrays", "command", "when", "by", *(["executor"] if submission.executor != Destination().executor else []))
    return json.dumps({key: content[key] for key in keys}, indent=1)  # of Slurm's as version 0.1 reads it
