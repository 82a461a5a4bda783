"""A command as a process: how it ends where it is interrupted, or where nobody reads what it says."""

import logging
import sys
from collections.abc import Callable

from pcsweep.console.interruption import INTERRUPTED, begin
from pcsweep.console.output import BROKEN_PIPE, while_it_is_read
from pcsweep.console.terminal import PrintableFormatter


def as_process(name: str, main: Callable[[], int]) -> int:
    """The exit code of a command: what it returns, 130 after Ctrl-C, 141 where nobody reads what it says."""
    said = f"{name}: interrupted; every file that is there is whole."
    if logging.lastResort is not None:  # through which warnings go in a command that sets up no log
        logging.lastResort.setFormatter(PrintableFormatter())
    try:
        begin(said)
        with while_it_is_read():
            return main()
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{said}\n")
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
