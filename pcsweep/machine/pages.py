"""Memory in large pages, of which a processor has to look up fewer."""

import contextlib
import ctypes
import functools
import mmap
from collections.abc import Callable

LARGE = 2 * 2**20  # bytes of a large page
_LEAST = 4 * LARGE  # below this much memory it makes no difference


def prefer_large_pages(address: int, size: int) -> None:
    """Asks the system for large pages where they fit into so many bytes from an address; a system that has none does nothing.

    What is in the memory stays. To be asked before it is first written: pages that are there already are exchanged much later.
    """
    advise = _advise()
    if advise is None or size < _LEAST:
        return
    start = address + -address % mmap.PAGESIZE
    advise(start, (address + size - start) // mmap.PAGESIZE * mmap.PAGESIZE, mmap.MADV_HUGEPAGE)


@functools.cache
def _advise() -> Callable[[int, int, int], int] | None:
    """madvise of the C library, on Linux."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return None
    with contextlib.suppress(OSError, AttributeError):
        found = ctypes.CDLL(None).madvise
        found.argtypes, found.restype = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int), ctypes.c_int
        return found
    return None
