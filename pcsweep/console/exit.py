"""What the commands that have words instead of a configuration have in common."""

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from rich.console import Console

from pcsweep.config.errors import BadSetting
from pcsweep.config.faults import told
from pcsweep.console.process import as_process
from pcsweep.console.terminal import complain, terminal

_REFUSED = 2


def follow(name: str, text: str, command: Callable[[Sequence[str], Console], None], argv: Sequence[str] | None = None) -> int:
    """Runs a command; its exit code: 0, 2 with one line on stderr where it cannot be followed, 130 after Ctrl-C.

    Args:
        name: of the module.
        text: for `--help`.
        command: what it does with its words; refuses with a BadSetting.
        argv: the words, if not those of the process.
    """
    return as_process(name, partial(_followed, name, text, command, sys.argv[1:] if argv is None else argv))


def _followed(name: str, text: str, command: Callable[[Sequence[str], Console], None], words: Sequence[str]) -> int:
    close_umask()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Greek letters, where the terminal has none
    console = terminal(highlight=True)
    if {"-h", "--help"} & set(words):
        console.print(text, markup=False, highlight=False, soft_wrap=True)
        return 0
    try:
        command(words, console)
    except BadSetting as error:
        complain(name, error)
        return _REFUSED
    except OSError as error:
        if isinstance(error, BrokenPipeError) or not (refused := told(error)):
            raise
        complain(name, refused)
        return _REFUSED
    return 0


def whole_number(name: str, text: str, least: int) -> int:
    """What a word gives.

    Raises:
        BadSetting: it is no whole number, or less than the least.
    """
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
        raise BadSetting(f"Expected `{name}` to be a whole number of at least {least}, but got {text!r}.")
    return int(text)


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
        sys.exit(2)


def close_umask() -> None:
    """From now on this process makes no file and no folder that the group or others may write."""
    os.umask(os.umask(0o077) | stat.S_IWGRP | stat.S_IWOTH)
