"""Many names in little memory: a million of them as Python's texts take 100 bytes each, and more in every worker process."""

import os
from array import array
from collections.abc import Iterable, Sequence
from typing import overload


class Names(Sequence[str]):
    """Names as one text of bytes, with the place where each begins: 8 bytes and its letters for each."""

    def __init__(self, names: Iterable[str]) -> None:
        text, self._starts = bytearray(), array("Q", [0])
        for name in names:
            text += os.fsencode(name)
            self._starts.append(len(text))
        self._text = bytes(text)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return os.fsdecode(self._text[self._starts[place] : self._starts[place + 1]])
