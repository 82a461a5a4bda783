"""Names of files as people write them: one name in several Unicode forms is one name, and what nearly fits is said.

macOS and some archives store é as e with an accent (NFD), most editors as one character (NFC); the two print alike.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def composed(name: str) -> str:
    """Of all spellings that print alike, one."""
    return unicodedata.normalize("NFC", name)


def printed(name: str) -> str:
    """The same, without characters that have no width, such as a zero-width space."""
    return "".join(letter for letter in composed(name) if unicodedata.category(letter) != "Cf")


def visible(folder: Path) -> list[str]:
    """The names in a folder, sorted, without hidden ones such as macOS's `._name`.

    Raises:
        ValueError: it is no folder that can be read; names it.
    """
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        raise ValueError(f"Expected {folder} to be a folder that can be read, but: {error.strerror}.") from error


def with_suffix(names: Iterable[str], suffixes: Sequence[str]) -> list[str]:
    """Those that end so, in upper or lower case."""
    return [name for name in names if os.path.splitext(name)[1].lower() in suffixes]


def stem(name: str) -> str:
    """The name without suffix, composed."""
    return composed(os.path.splitext(name)[0])


def grouped(names: Iterable[str]) -> Mapping[str, list[str]]:
    """Names by their composed stems."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[stem(name)].append(name)
    return groups


def alike(names: Iterable[str]) -> list[str]:
    """What stands in more than one name that print alike."""
    found: dict[str, set[str]] = defaultdict(set)
    for name in names:
        found[printed(name)].add(name)
    return [name for name, forms in found.items() if len(forms) > 1]


class Lookup:
    """Finds names as people write them among those that there are."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exactly = set(names)
        self._composed = {printed(name): name for name in names}
        self._folded = {composed(name).casefold(): name for name in names}

    def find(self, name: str) -> str | None:
        """The name that is there: the same, or the same but for its Unicode form and spaces around it."""
        return name if name in self._exactly else self._composed.get(printed(name.strip()))

    def hinted(self, name: str) -> str:
        """A name that is not there, with one that differs only in upper and lower case, if there is one."""
        near = self._folded.get(composed(name.strip()).casefold())
        return f"{name} (there is {near})" if near else name
