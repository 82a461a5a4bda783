"""Watching a study: what `status` says, and its cells, renewed on a terminal; elsewhere a block where something has changed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from pcsweep.config.errors import Detached, Unfinished
from pcsweep.console.text import duration
from pcsweep.study import failures
from pcsweep.sweep.cell_map import CellMap, State, cell_map, states
from pcsweep.sweep.lost import last_lines
from pcsweep.sweep.mosaic import drawn, legend
from pcsweep.sweep.seen import Lookout, Seen
from pcsweep.sweep.wait import Since

PATIENCE = 60.0  # seconds for which a study may be out of reach
SETTLED = 2.0  # seconds that nobody has been at work, before what is missing counts as lost
FORSAKEN = 60.0  # seconds that nobody has been at work although points are to do, after which nobody is waited for
_LOG = 3  # lines of a log
_LOGS = 20  # of running tasks, of which the newest is shown
_LEFT = "Watching has ended; what runs goes on."

Told = Callable[[Seen], Sequence[RenderableType]]


def watch(folder: Path, console: Console, every: int, told: Told) -> None:
    """Shows a study until every point is done or has failed, and nobody is at work.

    Args:
        folder: of the study.
        console: a terminal or not.
        every: seconds between two looks at the files; the queue is asked less often.
        told: what is said of a look, above the cells.

    Raises:
        Unfinished: the study is gone, or could not be read for a while.
        Detached: Ctrl-C.
    """
    with _left(), _screen(console, told) as show:
        for seen in looks(folder, every):
            show(seen)


@contextmanager
def _left() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        raise Detached(_LEFT) from None


def looks(folder: Path, every: int) -> Iterator[Seen]:
    """Looks, as long as something is to be expected.

    Raises:
        Unfinished: the study is gone, or could not be read for a while.
    """
    lookout, blind = Lookout(folder), Since(PATIENCE)
    settled, forsaken = Since(SETTLED), Since(FORSAKEN)
    while True:
        try:
            seen = lookout.look()
        except OSError as error:
            if not folder.is_dir():
                raise Unfinished(f"{folder} is not there any more.") from error
            if blind.for_long(True):
                raise Unfinished(f"{folder} could not be read for {duration(PATIENCE)} ({failures.said(error)}).") from error
            time.sleep(every)
            continue
        blind.for_long(False)
        if not folder.is_dir():
            raise Unfinished(f"{folder} is not there any more.")
        done = len(seen.found.done) == len(seen.labels)
        if done or settled.for_long(seen.settled) or forsaken.for_long(not seen.at_work):
            return
        yield seen
        time.sleep(every)


@contextmanager
def _screen(console: Console, told: Told) -> Iterator[Callable[[Seen], None]]:
    view = _View(told)
    if not console.is_terminal or console.is_dumb_terminal:
        before: dict[str, State] = {}

        def block(seen: Seen) -> None:
            now = states(seen.found)
            if now != before:
                before.clear()
                before.update(now)
                console.print(datetime.now().strftime("%Y-%m-%d %H:%M:%S"), highlight=False)
                console.print(Group(*told(seen), *view.cells(seen, console, None)))
                console.print()

        yield block
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda seen: live.update(view.whole(seen, console), refresh=True)


class _View:
    """What is shown of a look; where the cells are is worked out again where the plan has changed.

    Args:
        told: above the cells.
    """

    def __init__(self, told: Told) -> None:
        self._told = told
        self._points: object = None
        self._map = CellMap([], [])

    def whole(self, seen: Seen, console: Console) -> Group:
        """As much as the screen has room for."""
        above = [*self._told(seen), Text()]
        log = _log(seen)
        used = sum(len(console.render_lines(each, pad=False)) for each in [*above, *log])
        return Group(*above, *self.cells(seen, console, max(console.size.height - used - 2, 0)), *log)

    def cells(self, seen: Seen, console: Console, height: int | None) -> list[Text]:
        """What the signs mean, and the mosaics, in so many lines and one."""
        if seen.points is not self._points:
            self._map, self._points = cell_map(seen.points), seen.points
        parts = self._map.parts(states(seen.found))
        ascii_only = not console.encoding.startswith("utf")
        return [legend(parts, ascii_only), Text(), *drawn(parts, console.width, height, ascii_only)] if parts else []


def cells(seen: Seen, console: Console) -> list[Text]:
    """The mosaics of one look, all of them."""
    return _View(lambda _: ()).cells(seen, console, None)


def _log(seen: Seen) -> list[Text]:
    """The last lines of what runs: of its newest log."""
    tasks = list(dict.fromkeys(seen.found.running.values()))[:_LOGS]
    logs = [(path, task.job) for task in tasks if task.log for path in (task.log, task.log.with_suffix(".out"))]
    newest = max(logs, key=lambda log: _written(log[0]), default=None)
    lines = last_lines(newest[0], _LOG) if newest else []
    if not newest or not lines:
        return []
    return [Text(f"Task {newest[1]}:", "dim"), *(Text(f"  {line}", "dim", no_wrap=True, overflow="ellipsis") for line in lines)]


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
