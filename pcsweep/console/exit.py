"""How every command ends: with which exit code, and what it says then."""

import io
import logging
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from rich.console import Console

from pcsweep.config.errors import BadSetting, Detached, Unfinished
from pcsweep.config.faults import told
from pcsweep.console.interruption import INTERRUPTED, begin, leave
from pcsweep.console.output import BROKEN_PIPE, while_it_is_read
from pcsweep.console.terminal import PrintableFormatter, complain, terminal
from pcsweep.console.text import printable

UNFINISHED, REFUSED = 1, 2

Explain = Callable[[BaseException], str | None]


def explained(error: BaseException) -> str | None:
    """What is wrong with the words of a command, or with the files it meets; None where the error is a fault."""
    return str(error) if isinstance(error, BadSetting) else told(error)


def outcome(
    name: str,
    work: Callable[[], int | None],
    interrupted: str,
    explain: Explain = explained,
    undo: Callable[[], None] = lambda: None,
) -> int:
    """Does the work of a command; its exit code.

    0, or what the work returns; 1 where it is not finished, and no word is to blame; 2 where it is refused, with one message, and
    what had been made is undone; 130 after Ctrl-C; 141 where nobody reads what it says. Any other error is a fault and is raised.

    Args:
        name: of the command, before its messages.
        work: of the command.
        interrupted: what is said after Ctrl-C.
        explain: gives the message of a refusal.
        undo: what a refused command has made.
    """
    if logging.lastResort is not None:  # through which warnings go in a command that sets up no log
        logging.lastResort.setFormatter(PrintableFormatter())
    try:
        begin(interrupted)
        with while_it_is_read():
            return work() or 0
    except Unfinished as error:
        complain(name, error)
        return UNFINISHED
    except SystemExit as error:
        if error.code not in (UNFINISHED, REFUSED):  # Hydra's own refusals have 1
            raise
        undo()
        return REFUSED
    except KeyboardInterrupt as error:
        sys.stderr.write(f"\n{printable(str(error) if isinstance(error, Detached) else interrupted)}\n")
        logging.shutdown()
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        complain(name, text)
        undo()
        return REFUSED


def end(code: int) -> None:
    """Ends the process with that exit code, after Ctrl-C at once (see `leave`); with 0 it goes on to its own end."""
    if code == INTERRUPTED:
        leave(code)
    if code:
        sys.exit(code)


def follow(name: str, text: str, command: Callable[[Sequence[str], Console], None], argv: Sequence[str] | None = None) -> int:
    """Runs a command that has words instead of a configuration; its exit code, see `outcome`.

    Args:
        name: of the module.
        text: for `--help`.
        command: what it does with its words; refuses with a BadSetting.
        argv: the words, if not those of the process.
    """
    words = sys.argv[1:] if argv is None else argv
    return outcome(name, partial(_followed, text, command, words), f"{name}: interrupted; every file that is there is whole.")


def _followed(text: str, command: Callable[[Sequence[str], Console], None], words: Sequence[str]) -> None:
    close_umask()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Greek letters, where the terminal has none
    console = terminal(highlight=True)
    if {"-h", "--help"} & set(words):
        console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
        return
    command(words, console)


def whole_number(name: str, text: str, least: int) -> int:
    """What a word gives.

    Raises:
        BadSetting: it is no whole number, or less than the least.
    """
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
        raise BadSetting(f"Expected `{name}` to be a whole number of at least {least}, but got {text!r}.")
    return int(text)


def yes_or_no(name: str, text: str) -> bool:
    """What a word gives.

    Raises:
        BadSetting: it is neither true nor false.
    """
    if text not in ("true", "false"):
        raise BadSetting(f"Expected `{name}` to be true or false, but got {text!r}.")
    return text == "true"


def say(console: Console, line: str, style: str | None = None) -> None:
    """One line as it is, however long."""
    console.print(line, markup=False, highlight=False, soft_wrap=True, style=style)


@contextmanager
def refusing() -> Iterator[None]:
    """Around a Hydra task: a refused value ends the process with exit code 2 and one message."""
    try:
        yield
    except BadSetting as error:
        complain("pcsweep", error)
        sys.exit(REFUSED)


def close_umask() -> None:
    """From now on this process makes no file and no folder that the group or others may write."""
    os.umask(os.umask(0o077) | stat.S_IWGRP | stat.S_IWOTH)
