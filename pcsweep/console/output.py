"""Standard output whose reader has left, as in `pcsweep --help | head`."""

import logging
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

BROKEN_PIPE = 141  # exit code, that of a program which the signal SIGPIPE ends


@contextmanager
def while_it_is_read() -> Iterator[None]:
    """Around a command: that nobody reads its output any more is no fault.

    Raises:
        BrokenPipeError: nobody reads; standard output is closed to the rest, and what is logged is lost without a word.
    """
    logging.raiseExceptions = False
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        if not _is_broken():
            raise OSError("a pipe to another process is broken") from None
        raise


def _is_broken() -> bool:
    """Whether standard output is; then what is left in it goes nowhere."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if not poll.poll(0):
        return False
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return True
