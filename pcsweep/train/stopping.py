"""A training that is told to stop ends its step, keeps a checkpoint and stops: after Ctrl-C, and after what clusters send."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PATIENCE_SECONDS = 300  # more than Slurm's KillWait, 30 unless the cluster says otherwise
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Stopped(Exception):
    """The checkpoint is written, and the training has stopped.

    Args:
        number: of the signal, whichever process of several has got it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class Requests:
    """Which signal has come, if any. A second Ctrl-C does not wait for the step's end."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, Any] = {}

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Inside, the signals are noted; afterwards they mean what they meant before."""
        self.listen()
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def listen(self) -> None:
        """From now on; again where another has put its own handlers in the place of these."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            handler = signal.signal(number, self._note)
            self._before.setdefault(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = number


def pass_on(number: int) -> bool:
    """Calls whoever else handles the signal, such as submitit, which puts the job back into the queue; whether there is one.

    In the first task of a job submitit ends the process; in the others it returns, and Slurm ends them.
    """
    handler = signal.getsignal(number)
    if number == signal.SIGINT or not callable(handler):
        return False
    signal.signal(number, signal.SIG_IGN)  # where it came to another process first, it may still come to this one
    try:
        handler(number, None)
    finally:
        signal.signal(number, handler)
    return True


def await_the_end() -> None:
    """Of this process, by Slurm: what it would say of itself would stand for the whole job."""
    time.sleep(_PATIENCE_SECONDS)
