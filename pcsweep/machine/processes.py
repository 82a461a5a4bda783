"""Processes by name: one of another machine, or a later one of the same number, is not taken for it."""

import hashlib
import os
import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_TAG = re.compile(r"(?P<place>[0-9a-f]{8})-(?P<number>\d+)-(?P<start>\d+)")
_STATE, _START = 0, 19  # places in /proc/N/stat after the name
_OVER = "ZX"  # states of a process that has ended and has not been waited for


@dataclass(frozen=True)
class Process:
    """A process.

    Args:
        host: its machine.
        place: a hash of the machine and of the numbering in which its number counts (containers have their own).
        number: its number there.
        start: when it started, in the machine's own count; empty where that is not known.
    """

    host: str
    place: str
    number: int
    start: str

    @property
    def tag(self) -> str:
        """A short name, for the names of files."""
        return f"{self.place}-{self.number}-{self.start or 0}"

    @property
    def ended(self) -> bool | None:
        """Whether it is no more; None where this machine cannot know."""
        if self.place != _place() or not self.start:
            return None
        return _start(self.number) != self.start


def this_process() -> Process:
    """The one that runs this."""
    return Process(socket.gethostname(), _place(), os.getpid(), _start(os.getpid()))


def ended(tag: str) -> bool | None:
    """Whether the process of that short name is no more; None where this machine cannot know."""
    found = _TAG.fullmatch(tag)
    return Process("", found["place"], int(found["number"]), found["start"]).ended if found and found["start"] != "0" else None


@lru_cache(maxsize=1)
def _place() -> str:
    try:
        numbering = os.readlink("/proc/self/ns/pid")
    except OSError:
        numbering = ""
    return hashlib.sha256(f"{socket.gethostname()} {numbering}".encode()).hexdigest()[:8]


def _start(number: int) -> str:
    """When the process of that number started; empty if there is none, or it has ended."""
    try:
        words = Path("/proc", str(number), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[_STATE] in _OVER else words[_START]
