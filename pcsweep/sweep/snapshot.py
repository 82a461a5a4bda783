"""The code of a submission, frozen: a copy in the study's folder `code/<hash>/`, which its tasks run, whatever is edited.

It holds the package with its configuration, the launcher, which pickles name, the weights that travel with the package of those
models that the tasks use, and the user's own modules. The same code is there once. It is for its owner alone, and a task checks
its hash before it imports from it (`pcsweep.sweep.start`).
"""

import errno
import os
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra_plugins.pcsweep_launcher as launcher

import pcsweep
from pcsweep.config.sources import movable
from pcsweep.grid.entry import conf_folder
from pcsweep.machine.processes import ended, this_process
from pcsweep.machine.provenance import SNAPSHOTS
from pcsweep.study.submissions import make_private
from pcsweep.sweep import start
from pcsweep.sweep.start import ALONE, OWN, Changed, digest_of, files_in

if TYPE_CHECKING:
    from pcsweep.config.schema import Choice
    from pcsweep.sweep.job import Pack, Session, SweepTask

_LARGE = 2**18  # bytes; no code is larger, and what is are weights
_PACKAGED = "packaged"  # a function in a model's file: which weights of the package a network with these settings reads
_TEMPORARY = ".tmp"
_VARIABLE = "PCSWEEP_START"


@dataclass(frozen=True)
class Snapshot:
    """Frozen code: the folder in which it lies, and the hash of it."""

    folder: Path
    digest: str

    def words(self, text: str) -> list[str]:
        """Of a command that runs a task with it; a last word is to follow. `text` is what Python is given: that of `start`."""
        return [sys.executable, "-u", "-c", text, str(self.folder), self.digest]

    @property
    def setup(self) -> str:
        """A line of shell that comes before `program`."""
        return f"{_VARIABLE}={shlex.quote(_starter())}"

    @property
    def program(self) -> str:
        """The same words for a shell."""
        python, flag, command, _, *more = map(shlex.quote, self.words(""))
        return " ".join([python, flag, command, f'"${_VARIABLE}"', *more])


@dataclass(frozen=True, eq=False)
class FrozenTask:
    """A task that runs with a snapshot, in a process of its own, wherever it is called.

    Pickled, it is the call of a program, so that whoever loads it needs nothing of this package.
    """

    task: "SweepTask"
    snapshot: Snapshot

    @property
    def packs(self) -> "Sequence[Pack]":
        """Of the task."""
        return self.task.packs

    @property
    def session(self) -> "Session":
        """Of the task."""
        return self.task.session

    def __call__(self) -> Any:
        """Runs it; what fails is noted in the study, and said where the process that calls writes its errors."""
        return self._program()()

    def __reduce__(self) -> Any:
        return self._program().__reduce__()

    def _program(self) -> "partial[Any]":
        import cloudpickle

        return partial(subprocess.run, [*self.snapshot.words(_starter()), ALONE], input=cloudpickle.dumps(self.task), check=False)


@cache
def package() -> Mapping[str, bytes]:
    """The package's files by their relative names in a snapshot, without large ones, as they are when this is first called."""
    places = {"pcsweep": Path(pcsweep.__file__).parent, "pcsweep/conf": Path(conf_folder())}
    places["hydra_plugins/pcsweep_launcher"] = Path(launcher.__file__).parent
    return {
        f"{name}/{path.relative_to(place).as_posix()}": path.read_bytes()
        for name, place in places.items()
        for path in _files(place)
    }


def freeze(folder: Path, models: Iterable["Choice"], own_modules: Iterable[str]) -> Snapshot:
    """Freezes the code for tasks of the study in `folder`, unless it lies there already.

    Args:
        folder: of the study.
        models: those of its points.
        own_modules: names of the user's own modules that points are made of.

    Raises:
        OSError: it cannot be written.
    """
    files = {**package(), **_weights(models), **_own(own_modules)}
    digest = digest_of(files)
    place = folder.absolute() / SNAPSHOTS
    make_private(place)
    _tidy(place)
    if not _is_whole(place / digest, digest):
        _write(place / digest, files, digest)
    return Snapshot(place / digest, digest)


def _files(place: Path) -> Iterable[Path]:
    """All that is no rubbish, and not large."""
    for path in sorted(place.rglob("*")):
        names = path.relative_to(place).parts
        hidden = any(name.startswith(".") or name == "__pycache__" for name in names)
        if not hidden and path.is_file() and path.stat().st_size < _LARGE:
            yield path


def _weights(models: Iterable["Choice"]) -> dict[str, bytes]:
    """What lies in the package under the names of these models, or what a model's file says that it reads of it."""
    found: dict[str, bytes] = {}
    for model in models:
        module = sys.modules[model.function.__module__]
        if model.own or not module.__file__:
            continue
        own = Path(module.__file__)
        paths = [path for path in own.parent.glob(f"{own.stem}*") if path.suffix != ".py" and path.stat().st_size >= _LARGE]
        if packaged := getattr(module, _PACKAGED, None):
            paths = packaged(model.arguments)
        found |= {f"pcsweep/model/{path.name}": path.read_bytes() for path in paths}
    return found


def _own(modules: Iterable[str]) -> dict[str, bytes]:
    """The user's own modules, as they lie in their folders; without those that a copy would not be the same as."""
    moved = [found for name in sorted(modules) if (found := movable(name))]
    roots = list(dict.fromkeys(root for root, _ in moved))
    files: dict[str, bytes] = {}
    for root, names in moved:
        inner = f"{root.name}/" if root.name.endswith("-packages") else ""
        place = f"{OWN}/{roots.index(root)}/{inner}"
        files |= {f"{place}{name}": path.read_bytes() for name, path in names.items()}
    return files


@cache
def _starter() -> str:
    return Path(start.__file__).read_text()


def _is_whole(place: Path, digest: str) -> bool:
    try:
        return digest_of(dict(files_in(str(place)))) == digest
    except (FileNotFoundError, NotADirectoryError, Changed):
        return False


def _write(place: Path, files: Mapping[str, bytes], digest: str) -> None:
    """Writes a snapshot, which is there as a whole or not at all."""
    temporary, aside = _beside(place), _beside(place)
    make_private(temporary)
    try:
        for name, content in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        if not _is_whole(place, digest):  # another command may just have written it
            with suppress(FileNotFoundError):
                os.rename(place, aside)  # it has been changed
            with suppress(OSError):  # another command was faster
                os.rename(temporary, place)
        if not _is_whole(place, digest):
            raise OSError(errno.EIO, "what was written is not what is there", str(place))
    finally:
        for path in (temporary, aside):
            shutil.rmtree(path, ignore_errors=True)


def _beside(place: Path) -> Path:
    return place.with_name(f".{place.name[:8]}.{this_process().tag}.{secrets.token_hex(4)}{_TEMPORARY}")


def _tidy(folder: Path) -> None:
    """Removes what commands that are no more have left half-written or put aside."""
    for path in folder.glob(f".*{_TEMPORARY}"):
        if ended(path.name.split(".")[2]):
            shutil.rmtree(path, ignore_errors=True)
