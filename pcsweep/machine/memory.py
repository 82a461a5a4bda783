"""How much memory this process may use, was given, and has used."""

import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

_MIB = 2**20


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


def kills(root: Path = Path("/")) -> int:
    """How many processes of this machine the kernel has killed for want of memory since it started; 0 where it does not say."""
    try:
        lines = (root / "proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(value) for name, _, value in (line.partition(" ") for line in lines) if name == "oom_kill"), 0)


def asked(environment: Mapping[str, str] = os.environ) -> int | None:
    """Bytes that the job has asked Slurm for, on this node; None outside of a job, or where it left that to the cluster."""
    whole, each = environment.get("SLURM_MEM_PER_NODE", ""), environment.get("SLURM_MEM_PER_CPU", "")
    cpus = environment.get("SLURM_CPUS_ON_NODE", "")
    if whole.isdecimal() and int(whole):  # 0: all that the node has
        return int(whole) * _MIB
    if each.isdecimal() and cpus.isdecimal():
        return int(each) * int(cpus) * _MIB or None
    return None


def peak(root: Path = Path("/")) -> int:
    """Bytes that this process has had in memory at most: since `forget_peak` where that returned True, else since its start."""
    try:
        lines = (root / "proc/self/status").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak(root: Path = Path("/")) -> bool:
    """Lets `peak` begin anew, where the kernel (Linux) allows it."""
    try:
        with open(root / "proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return False
    return True
