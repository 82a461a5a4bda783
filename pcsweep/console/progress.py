"""Progress for people who wait: bars with rate and time left on a terminal, a plain log line now and then elsewhere.

A process has one display. What is in progress within something else is a further line of it, so that no two draw over each other.
"""

import logging
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from pcsweep.console.terminal import terminal

_SECONDS_BETWEEN_LINES = 15.0
_WIDE = 100  # characters of a terminal that has room for a longer bar
_log = logging.getLogger(__name__)
_displays: list[Progress] = []  # the one of this process, while there is something to show


@runtime_checkable
class Advance(Protocol):
    """Is told of every number of parts done, and what the bar shall be called from now on, if that changes."""

    def __call__(self, count: int, description: str | None = None, /) -> None: ...


class _CountColumn(ProgressColumn):
    """Whole units done, and how many there are; nothing for what cannot be counted."""

    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text("")
        parts = task.fields["parts"]
        return Text(f"{int(task.completed) // parts}/{int(task.total) // parts}", no_wrap=True)


class _RateColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if speed is None or task.total is None:
            return Text("")
        return Text(f"{speed / task.fields['parts']:,.3g} {task.fields['unit']}/s", no_wrap=True)


@contextmanager
def progress(description: str, total: int, unit: str, parts: int = 1) -> Iterator[Advance]:
    """Gives a function to call with every number of parts done.

    Args:
        description: what is done.
        total: how many units there are.
        unit: such as "images".
        parts: of each unit, that are told one by one where a unit takes long.
    """
    if not _is_shown():
        yield _lines(description, total, unit, parts)
        return
    with _display() as bars:
        task = bars.add_task(description, total=total * parts, unit=unit, parts=parts)

        def advance(count: int, description: str | None = None) -> None:
            bars.update(task, advance=count, description=description)

        try:
            yield advance
        finally:
            bars.refresh()
            bars.remove_task(task)


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Shows on a terminal that something goes on whose end is not known."""
    if not _is_shown():
        yield
        return
    with _display() as bars:
        task = bars.add_task(description, total=None, unit="", parts=1)
        try:
            yield
        finally:
            bars.remove_task(task)


def _is_shown() -> bool:
    """Not in the workers of a sweep, which share the terminal with the process that started them."""
    return multiprocessing.parent_process() is None and terminal(stderr=True).is_terminal


@contextmanager
def _display() -> Iterator[Progress]:
    """The display, begun by whoever needs it first and ended when that is over; logs go above it meanwhile."""
    if _displays:
        yield _displays[0]
        return
    console = terminal(stderr=True)
    words = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
    bar = BarColumn(bar_width=30 if console.width >= _WIDE else 10)
    columns = (SpinnerColumn(), words, bar, _CountColumn(), _RateColumn(), TimeRemainingColumn())
    bars = Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty())
    out = sys.stdout, sys.stderr
    with bars:
        _displays.append(bars)
        _redirect(dict(zip(map(id, out), (sys.stdout, sys.stderr), strict=True)))
        try:
            yield bars
        finally:
            _displays.clear()
            _redirect(dict(zip((id(sys.stdout), id(sys.stderr)), out, strict=True)))


def _redirect(streams: dict[int, object]) -> None:
    """Gives the log's handlers other streams, by the identities of those that they have."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and id(handler.stream) in streams:
            handler.setStream(streams[id(handler.stream)])


def _lines(description: str, total: int, unit: str, parts: int) -> Advance:
    started = time.monotonic()
    said, done = started, 0

    def advance(count: int, new: str | None = None) -> None:
        nonlocal said, done, description
        done += count
        description = new or description
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES:
            said = now
            rate = done / parts / (now - started)
            left = f", {rate:.3g} {unit}/s, {(total - done / parts) / rate:.0f} s left" if rate else ""
            _log.info("%s: %d of %d%s", description, done // parts, total, left)

    return advance
