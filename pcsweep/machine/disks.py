"""What kind of file system a folder lies on."""

import os
from pathlib import Path

# Those of other machines, which may be slower than computing anew, and those that take memory.
_ELSEWHERE = (
    "nfs",
    "lustre",
    "gpfs",
    "beegfs",
    "cifs",
    "smb",
    "fuse",
    "ceph",
    "afs",
    "9p",
    "panfs",
    "wekafs",
    "orangefs",
    "pvfs",
)
_IN_MEMORY = ("tmpfs", "ramfs")


def is_local_disk(folder: Path, root: Path = Path("/")) -> bool:
    """Whether a folder lies on a disk of this machine, as far as the system says.

    Args:
        folder: it need not be there.
        root: where `/proc` lies.
    """
    try:
        lines = (root / "proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return True
    place, found, longest = Path(os.path.realpath(folder)), "", -1
    for line in lines:
        before, _, after = line.partition(" - ")
        mounted = Path(before.split()[4].encode().decode("unicode_escape"))
        if place.is_relative_to(mounted) and len(mounted.parts) >= longest:  # the last one lies above the others
            found, longest = after.split()[0], len(mounted.parts)
    return not found.startswith((*_ELSEWHERE, *_IN_MEMORY))
