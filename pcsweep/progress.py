"""Progress for people who wait: a bar with rate and time left on a terminal, a plain log line now and then elsewhere."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from pcsweep.terminal import Terminal

_SECONDS_BETWEEN_LINES = 15.0
_log = logging.getLogger(__name__)


@runtime_checkable
class Advance(Protocol):
    """Is told of every number of units done, and what the bar shall be called from now on, if that changes."""

    def __call__(self, count: int, description: str | None = None, /) -> None: ...


class _RateColumn(ProgressColumn):
    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.3g} {self.unit}/s", no_wrap=True)


@contextmanager
def progress(description: str, total: int, unit: str) -> Iterator[Advance]:
    """Gives a function to call with every number of `unit`s done."""
    console = Terminal(stderr=True)
    if not console.is_terminal:
        yield _lines(description, total, unit)
        return
    words = TextColumn("{task.description}", markup=False)
    columns = (words, BarColumn(), MofNCompleteColumn(), _RateColumn(unit), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(description, total=total)

        def advance(count: int, description: str | None = None) -> None:
            bar.update(task, advance=count, description=description)

        yield advance


def _lines(description: str, total: int, unit: str) -> Advance:
    started = time.monotonic()
    said, done = started, 0

    def advance(count: int, new: str | None = None) -> None:
        nonlocal said, done, description
        done += count
        description = new or description
        now = time.monotonic()
        if now - said >= _SECONDS_BETWEEN_LINES:
            said = now
            rate = done / (now - started)
            left = f", {rate:.3g} {unit}/s, {(total - done) / rate:.0f} s left" if rate else ""
            _log.info("%s: %d of %d%s", description, done, total, left)

    return advance
