"""A page that is made once, or renewed while its study is computed."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from pcsweep.aggregate.result import NoShards
from pcsweep.config.errors import Detached
from pcsweep.console.exit import say
from pcsweep.machine.patience import patiently
from pcsweep.report.contents import Contents
from pcsweep.report.made import Wanted, make
from pcsweep.report.page import write
from pcsweep.report.progress import progress
from pcsweep.sweep.seen import Lookout, files
from pcsweep.sweep.watching import looks

_EVIDENCE = ("shards", "failures", "planned", "damaged")  # folders, where a change makes another page


def once(wanted: Wanted, console: Console) -> None:
    """Makes the page of what there is now.

    Args:
        wanted: which page.
        console: where it is said what aggregation says.

    Raises:
        NoShards: nothing can be aggregated.
        BadSetting: the study cannot be aggregated as is wanted.
        Unfinished: the study could not be read for a while.
    """
    make(wanted, progress(patiently(Lookout(wanted.folder).look)), console)


def watch(wanted: Wanted, console: Console, every: int, with_gallery: bool) -> None:
    """Renews the page whenever there is something new, until every point is done or has failed and nobody is at work.

    Args:
        wanted: which page.
        console: where each renewal is said.
        every: seconds between two looks.
        with_gallery: whether each renewal has the galleries, whose maps are computed anew.

    Raises:
        Detached: Ctrl-C; the page that is there is whole, and does not renew itself any more.
        BadSetting: the study cannot be aggregated as is wanted.
        Unfinished: the study is gone, or could not be read for a while.
    """
    partly = wanted if with_gallery else replace(wanted, pictured=0)
    last: Contents | None = None
    before: object = None
    try:
        for seen in looks(wanted.folder, every):
            if (now := _evidence(wanted.folder)) != before:
                before, told = now, progress(seen, every)
                try:
                    last = make(partly, told)
                except NoShards as error:
                    _say(console, str(error))
                else:
                    _say(console, f"{told.text if told else 'Every point is done.'} {wanted.path}")
        once(wanted, console)
    except KeyboardInterrupt:
        if last and last.progress:
            write(replace(last, progress=replace(last.progress, every=None)), wanted.path)
        raise Detached(f"Renewing has ended; what runs goes on.{f' The page: {wanted.path}' if last else ''}") from None


def _evidence(folder: Path) -> list[object]:
    return [files(folder / name) for name in _EVIDENCE]


def _say(console: Console, text: str) -> None:
    say(console, f"{datetime.now().strftime('%H:%M:%S')}  {text}")
