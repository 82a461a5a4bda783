"""A training that is told to stop ends its step, keeps a checkpoint and stops: after Ctrl-C, and after what clusters send."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class Stopped(Exception):
    """The checkpoint is written, and the training has stopped.

    Args:
        number: of the signal; 0 where another process has got it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name if number else "a signal to another process")
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


def pass_on(number: int) -> None:
    """Calls whoever else handles the signal, if there is one, such as submitit, which puts the job back into the queue."""
    handler = signal.getsignal(number) if number else None
    if number not in (0, signal.SIGINT) and callable(handler) and handler is not signal.default_int_handler:
        handler(number, None)
