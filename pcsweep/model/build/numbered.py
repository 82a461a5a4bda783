"""One file for each pcoder, by the number in its name: in a folder, by a glob, or in a zip file as it was downloaded.

Members of a zip file are read into memory one at a time, and nothing is written to the disk, wherever their names point.
"""

import glob
import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pcsweep.model.build import weights

_NUMBER = re.compile(r"(?:pc|pcoder)(\d+)(?!\d)", re.IGNORECASE)
_ENDINGS = (".pth", ".pt", ".safetensors")
_ENCRYPTED = 0x1  # of a member's flags
_OF_TORCH = "data.pkl"  # lies in the one folder of every zip file that torch.save writes


@dataclass(frozen=True)
class Numbered:
    """The file of one pcoder.

    Args:
        path: of the file; of one in a zip file, the zip file's path and its name there.
        archive: the zip file it lies in, if it does.
        member: its name there.
    """

    path: Path
    archive: Path | None = None
    member: str = ""

    def read(self) -> weights.File:
        """What it holds.

        Raises:
            ValueError: it is no file of weights, or cannot be read.
        """
        return weights.read(self.path, None if self.archive is None else _content(self.archive, self.member))


Found = dict[int, list[Numbered]]


def is_archive(path: Path) -> bool:
    """Whether this is meant as a zip file of several files; what torch.save writes is a zip file too, of the parts of one."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return path.is_file() and path.suffix.lower() == ".zip"
    return not any(PurePosixPath(name).name == _OF_TORCH and name.count("/") == 1 for name in _opened(path).namelist())


def numbered(place: str) -> Found:
    """The files of a folder (or, where it has none, of the folders in it), of a glob or of a zip file, by their pcoders' numbers.

    Raises:
        ValueError: a zip file that is damaged or encrypted.
    """
    path = Path(place)
    if path.is_file() and is_archive(path):
        return _in_archive(path)
    if not path.is_dir():
        return _by_number(map(Numbered, sorted(map(Path, glob.glob(place)))))
    found: Found = {}
    for pattern in ("*", "*/*"):
        found = found or _by_number(map(Numbered, sorted(map(Path, glob.glob(str(Path(glob.escape(place)) / pattern))))))
    return found


def _in_archive(path: Path) -> Found:
    entries = {entry.filename: entry for entry in _opened(path).infolist() if not _left_by_macos(entry.filename)}
    found = _by_number(Numbered(Path(f"{path}/{name}"), path, name) for name in sorted(entries))
    members = [file.member for files in found.values() for file in files]
    if encrypted := [name for name in members if entries[name].flag_bits & _ENCRYPTED]:
        raise ValueError(
            f"Expected {str(path)!r} to be a zip file without a password, but it has one for {', '.join(encrypted)}."
        )
    return found


def _by_number(files: Iterable[Numbered]) -> Found:
    found: Found = {}
    for file in files:
        name = PurePosixPath(file.member or file.path.name)
        matched = _NUMBER.findall(name.stem)
        if matched and name.suffix in _ENDINGS:
            found.setdefault(int(matched[-1]), []).append(file)
    return found


def _left_by_macos(name: str) -> bool:
    path = PurePosixPath(name)
    return path.parts[:1] == ("__MACOSX",) or path.name.startswith(".")


def _opened(path: Path) -> zipfile.ZipFile:
    """With its list of members read; closed when it is no longer used.

    Raises:
        ValueError: it is none, or damaged.
    """
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"Expected {str(path)!r} to be a zip file, but the list of its files, which lies at its end, is missing or damaged "
            f"({error}). If its download was interrupted, download it again."
        ) from error


def _content(archive: Path, member: str) -> bytes:
    """What a zip file's member holds; its checksum is compared.

    Raises:
        ValueError: damaged, or many times larger than what is stored of it.
    """
    with _opened(archive) as opened:
        entry = opened.getinfo(member)
        try:
            weights.refuse_bomb(entry.file_size, entry.compress_size)
            return opened.read(entry)
        except Exception as error:  # a damaged file can make the decompressors fail in any way
            raise ValueError(
                f"Expected {str(archive)!r} to be a whole zip file, but its {member!r} cannot be read "
                f"({weights.reason(error)}). If its download was interrupted, download it again."
            ) from error
