"""What a command makes before it is refused: the folders of Hydra and of the study, which go away again."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_made: list[Path] = []  # folders that were not there when this command began
_hydra: list[Path] = []  # those of them that are Hydra's own


def will_make(folder: Path, by_hydra: bool = False) -> None:
    """Notes which of the folder and its parents are not there yet.

    Args:
        folder: that is about to be made.
        by_hydra: whether it is the folder of one command, in which Hydra keeps its configuration and its log.
    """
    whole = folder.absolute()
    missing = [path for path in (whole, *whole.parents) if not path.exists()]
    _made.extend(missing)
    if by_hydra and whole in missing:
        _hydra.append(whole)


def undo() -> None:
    """Removes what was noted: Hydra's own files, and folders as far as they are empty."""
    for folder in _hydra:
        for path in _files_of_hydra(folder):
            with suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
    for folder in sorted(set(_made), key=lambda path: len(path.parts), reverse=True):
        with suppress(OSError):
            folder.rmdir()
    _made.clear()
    _hydra.clear()


def _files_of_hydra(folder: Path) -> Iterator[Path]:
    """Of a run, or of a sweep that has got no further than its first point; a folder comes after what is in it."""
    jobs = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    for each in (*jobs, folder) if len(jobs) < 2 else ():
        for pattern in (".hydra/*.yaml", ".hydra", "multirun.yaml", "*.log"):
            yield from each.glob(pattern)
    yield from jobs
