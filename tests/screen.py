"""A program in a terminal of its own, and what its screen shows: as much of a terminal as rich asks for."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from pathlib import Path

from commands import ONE_THREAD, start

_PIECE = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\x1b[\]()][^\x07]*\x07?|([\r\n\b])|([^\x1b\r\n\b]+)|\x1b")


class Screen:
    """What characters and control codes leave on a screen; colours are passed over."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self.alternate = False  # the one that programs as large as the screen take, and leave again
        self._cells: dict[bool, list[list[str]]] = {which: self._blank() for which in (False, True)}
        self._row = self._column = 0

    @property
    def text(self) -> str:
        """Lines without blanks at their ends."""
        return "\n".join("".join(row).rstrip() for row in self._cells[self.alternate])

    def write(self, text: str) -> None:
        """As it comes from the program."""
        for found in _PIECE.finditer(text):
            numbers, letter, control, shown = found.groups()
            if letter:
                self._obey(numbers, letter)
            elif control:
                self._move(control)
            elif shown:
                self._show(shown)

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.lines)]

    def _obey(self, numbers: str, letter: str) -> None:
        if letter in "hl" and numbers == "?1049":
            self.alternate = letter == "h"
            if self.alternate:
                self._cells[True] = self._blank()
        elif letter == "H":
            row, _, column = numbers.partition(";")
            self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
        elif letter == "A":
            self._row = max(0, self._row - int(numbers or 1))
        elif letter == "K":
            start = 0 if numbers == "2" else self._column
            self._cells[self.alternate][self._row][start:] = [" "] * (self.columns - start)
        elif letter == "J":
            self._cells[self.alternate] = self._blank()

    def _move(self, control: str) -> None:
        if control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)
        elif self._row + 1 < self.lines:
            self._row += 1
        else:
            cells = self._cells[self.alternate]
            cells[:] = [*cells[1:], [" "] * self.columns]

    def _show(self, text: str) -> None:
        for letter in text:
            if self._column == self.columns:
                self._column = 0
                self._move("\n")
            self._cells[self.alternate][self._row][self._column] = letter
            self._column += 1


class InTerminal:
    """A command of pcsweep that has been started in a terminal.

    Args:
        words: of the command.
        module: which it is.
        folder: where it is started.
        columns, lines: of the terminal.
        variables: of its environment, beside those of this process.
    """

    def __init__(
        self,
        *words: str,
        module: str,
        folder: Path,
        columns: int = 100,
        lines: int = 30,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.screen = Screen(columns, lines)
        self.said = ""  # all of it
        self._master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = os.environ | ONE_THREAD | {"TERM": "xterm-256color"} | (variables or {})
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            environment.pop(name, None)
        streams = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
        self.process = start(*words, module=module, folder=folder, environment=environment, start_new_session=True, **streams)
        os.close(terminal)

    def until(self, so: Callable[[Screen], bool], seconds: float = 60) -> str:
        """Reads until the screen is so, and gives its text.

        Raises:
            AssertionError: it is not, after so many seconds or when the program has ended.
        """
        deadline = time.monotonic() + seconds
        while not so(self.screen):
            assert time.monotonic() < deadline, f"still shows:\n{self.screen.text}"
            assert self._read(0.2), f"has ended with:\n{self.screen.text}"
        return self.screen.text

    def end(self, seconds: float = 60) -> int:
        """Reads until the program ends; its exit code."""
        deadline = time.monotonic() + seconds
        while self._read(0.2):
            assert time.monotonic() < deadline, f"still shows:\n{self.screen.text}"
        os.close(self._master)
        return self.process.wait(10)

    def press_ctrl_c(self) -> None:
        """As a person does."""
        self.process.send_signal(signal.SIGINT)

    def _read(self, seconds: float) -> bool:
        """What has come; False where nothing will come any more."""
        if not select.select([self._master], [], [], seconds)[0]:
            return self.process.poll() is None
        try:
            text = os.read(self._master, 65536).decode(errors="replace")
        except OSError:  # its terminal has been closed
            return False
        self.said += text
        self.screen.write(text)
        return bool(text)
