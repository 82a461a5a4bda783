"""Failures: a note for every grid point that raised, in the study's folder `failures/`, until it is computed."""

import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table
from rich.text import Text

from pcsweep.console.text import number_of, printable
from pcsweep.machine.files import replacing
from pcsweep.study import notes

FOLDER = "failures"


@dataclass(frozen=True)
class Failure:
    """Why a grid point has no shard: `error` in one line, and the log that says more, if there is one."""

    label: str
    error: str
    log: str | None = None
    job: str = ""
    host: str = ""
    when: float = 0.0


def note(folder: Path, identity: str, label: str, error: BaseException, log: str | None) -> None:
    """Notes that a point raised.

    Args:
        folder: of the study.
        identity: of the point.
        label: of the point, for people.
        error: what it raised.
        log: where the traceback is.

    Raises:
        OSError: the note cannot be written.
    """
    text = said(error)
    job = os.environ.get("SLURM_JOB_ID", "")
    failure = Failure(label, text, log, job, socket.gethostname(), time.time())
    with replacing(_path(folder, identity)) as path:
        path.write_text(json.dumps(asdict(failure), indent=1))


def said(error: BaseException) -> str:
    """An error in one line: its kind and its last words, or of a file that cannot be read or written, the reason and the path."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{type(error).__name__}: {error.strerror}: {error.filename}"
    words = [line.strip() for line in str(error).splitlines() if line.strip()]
    return ": ".join([type(error).__name__, *words[-1:]])


def forget(folder: Path, identity: str) -> None:
    """Removes the note of a point, if there is one."""
    _path(folder, identity).unlink(missing_ok=True)


def read_all(folder: Path) -> dict[str, Failure]:
    """The notes of a study, by identity; what is no note is named once, and passed over.

    Raises:
        OSError: they cannot be read now.
    """
    return {path.stem: failure for path, failure in notes.readable(folder / FOLDER, Failure)}


def failure_table(failed: Sequence[Failure]) -> Table:
    """Failures for people: which point, what its last words were, and where there is more."""
    table = Table(title=number_of(len(failed), "point") + " failed", title_justify="left", title_style="red")
    table.add_column("point", overflow="fold")
    table.add_column("why", overflow="fold")
    table.add_column("log", overflow="fold")
    for failure in failed:
        words = (failure.label, failure.error, failure.log or "")
        table.add_row(*(Text(printable(word)) for word in words))  # not taken for rich's markup
    return table


def _path(folder: Path, identity: str) -> Path:
    return folder / FOLDER / f"{identity}.json"
