"""Looking again where a file system fails for a moment: one I/O error on a network's file system means nothing."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_TRIES = 4
_SHORTEST = 0.25  # seconds; each further pause is twice as long


def patiently(look: Callable[[], T]) -> T:
    """What a look gives, at the latest with the fourth try.

    Raises:
        OSError: that of the last.
    """
    for number in range(_TRIES - 1):
        try:
            return look()
        except OSError:
            time.sleep(_SHORTEST * 2**number)
    return look()
