"""Where text goes out to people: nothing in it, whatever file it was read from, is obeyed by their terminal."""

import logging
import sys
from collections.abc import Iterable
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from pcsweep.console.text import printable

_WIDTH = 160  # characters, where the output is no terminal


class Terminal(Console):
    """rich's console, with `printable` over every text that it shows."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The pieces of what is shown; rich's own control codes go through."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else piece._replace(text=printable(piece.text))


class PrintableFormatter(logging.Formatter):
    """For the handlers of a log: lines of `printable` text."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, or lines with a traceback."""
        return printable(super().format(record))


def terminal(width: int = _WIDTH, stderr: bool = False, highlight: bool = False) -> Terminal:
    """A console for stdout or stderr, so many characters wide where that is no terminal."""
    stream: TextIO = sys.stderr if stderr else sys.stdout
    return Terminal(stderr=stderr, width=None if stream.isatty() else width, highlight=highlight)


def complain(name: str, error: object) -> None:
    """One message on stderr, after the name of the command."""
    sys.stderr.write(f"{name}: {printable(error)}\n")
