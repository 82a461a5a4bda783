"""Where a search keeps its trials: Optuna's journal in the study's folder, `search/journal.log`, which several commands share.

It is made for network file systems: lines are appended under a lock that is a link. Optuna's dashboard reads it.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from pcsweep.config.errors import BadSetting
from pcsweep.machine.folders import make_folder
from pcsweep.search.place import journal

NAME = "search"  # of Optuna's study
_GRACE = 15  # seconds after which the lock of a command that was killed is taken away
_WARNED = optuna.logging.WARNING


class _Lock(JournalFileSymlinkLock):
    """Optuna's, whose link leads to the journal from its own folder, from wherever a command is given and wherever that is moved.

    A link that leads nowhere, as that of a killed command with a relative path does, would be waited for without end.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), grace_period=_GRACE)
        self._lock_target_file = path.name


class _Journal(JournalFileBackend):
    """Optuna's, which would be unreadable for ever after a line that a killed command or a full disk has cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held = _Lock(path)
        super().__init__(str(path), self._held)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Appends lines, after taking away what has been left of one."""
        text = "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in logs).encode()
        with self._locked(), open(self._path, "r+b") as file:
            end = _end_of_lines(file)
            file.seek(end)
            file.truncate()
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), end)
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._held.acquire()
        try:
            yield
        finally:
            self._held.release()


def _end_of_lines(file: Any) -> int:
    """Where the last whole line of an open file ends."""
    size = file.seek(0, os.SEEK_END)
    position = size
    while position > 0:
        start = max(0, position - 4096)
        file.seek(start)
        found = file.read(position - start).rfind(b"\n")
        if found >= 0:
            return int(start + found + 1)
        position = start
    return 0


def opened(folder: Path, directions: Sequence[Literal["minimize", "maximize"]] | None = None) -> optuna.Study | None:
    """The search of the study in `folder`.

    Args:
        folder: of the study.
        directions: of its objectives, for a search that may be new; None for one that is only read.

    Returns:
        None where there is none, and it is only read.

    Raises:
        BadSetting: the journal cannot be read or written.
    """
    path = journal(folder)
    if directions is None and not path.exists():
        return None
    quiet()
    try:
        if directions is not None:
            make_folder(path.parent)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            storage = JournalStorage(_Journal(path))
        if directions is None:
            return optuna.load_study(study_name=NAME, storage=storage)
        return optuna.create_study(study_name=NAME, storage=storage, directions=directions, load_if_exists=True)
    except KeyError:  # a journal in which no search has begun
        return None
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        raise BadSetting(f"Expected a search in {path}, but it cannot be read: {error}") from error


def quiet() -> None:
    """Optuna says what goes wrong, and nothing of what goes well."""
    optuna.logging.set_verbosity(_WARNED)
