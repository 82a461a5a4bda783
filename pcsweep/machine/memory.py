"""How much memory this process may use."""

import os
from pathlib import Path


def limit(root: Path = Path("/")) -> int:
    """Bytes: the machine's memory, or less where a control group (a Slurm job, a container) allows less.

    Args:
        root: where `/proc` and `/sys` lie.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> list[int]:
    """What the process's control groups allow, in both versions of their interface."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        mounted = root / "sys/fs/cgroup" / controllers
        folder = mounted / name.lstrip("/")
        for each in [folder, *folder.parents]:
            found += _number(each / ("memory.limit_in_bytes" if controllers else "memory.max"))
            if each == mounted:
                break
    return found


def _number(path: Path) -> list[int]:
    """The number in a file; none where there is no file, or where it says that there is no limit."""
    try:
        text = path.read_text().strip()
    except OSError:
        return []
    return [int(text)] if text.isdigit() else []
