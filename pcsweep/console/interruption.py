"""Ctrl-C while modules are imported: one line and exit code 130, where KeyboardInterrupt would end in a traceback."""

import os
import signal
import sys
import threading
from types import FrameType

INTERRUPTED = 130  # exit code
_CLEARING = ("_weakrefset.py", "weakref.py")  # of the standard library, called when an object goes
_MOMENT, _LONGEST = 0.05, 10.0  # seconds between two looks, and that an end is waited for


class CtrlC:
    """Answers Ctrl-C: raises KeyboardInterrupt, but not in the middle of an import, nor where an object is cleared away.

    The end of either is waited for: the interpreter would print and forget what is raised in the latter.

    So whatever the command holds, such as its claims, is given back by its own `finally`.

    Args:
        said: what to say where it ends the process.
        begun: whether the command has begun; before, Ctrl-C ends the process at once.
    """

    def __init__(self, said: str, begun: bool) -> None:
        self.said, self.begun = said, begun
        self._looks = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Called by the interpreter."""
        if self.begun and not _inopportune(frame):
            raise KeyboardInterrupt
        self._looks += 1
        if not self.begun or self._looks * _MOMENT > _LONGEST:
            leave(INTERRUPTED, self.said)
        main = threading.main_thread().ident
        assert main is not None  # it runs this
        again = threading.Timer(_MOMENT, signal.pthread_kill, (main, number))
        again.daemon = True
        again.start()


def leave(code: int, said: str = "") -> None:
    """Ends the process at once.

    Not by `sys.exit`: where Ctrl-C met code run from a string (a dataclass in the making, say), the interpreter remembers it and
    would end by the signal all the same.
    """
    if said:
        sys.stderr.write(f"\n{said}\n")
    try:
        sys.stderr.flush()
        sys.stdout.flush()
    except OSError:
        code = code or 1
    os._exit(code)


def while_starting() -> None:
    """To be called first of all: where this process is one of pcsweep's commands, Ctrl-C ends it until `begin` is called."""
    if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        try:
            signal.signal(signal.SIGINT, CtrlC("Interrupted before anything was done.", begun=False))
        except ValueError:
            return  # not in the main thread, so no command


def begin(said: str) -> None:
    """From now on Ctrl-C is a KeyboardInterrupt, once an import has ended; if that takes long, the process ends and says this."""
    if isinstance(signal.getsignal(signal.SIGINT), CtrlC):
        signal.signal(signal.SIGINT, CtrlC(said, begun=True))


def _is_command() -> bool:
    """Whether the interpreter was started as `python -m pcsweep…` or `pcsweep`, and is no worker of one."""
    named = sys.argv[:1] == ["-m"] or os.path.basename(sys.argv[0] if sys.argv else "") in ("pcsweep", "pcsweep.exe")
    return named and "--multiprocessing-fork" not in sys.orig_argv


def _inopportune(frame: FrameType | None) -> bool:
    while frame is not None:
        code = frame.f_code
        clears = code.co_name == "__del__" or (code.co_name == "_remove" and code.co_filename.endswith(_CLEARING))
        if clears or code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
