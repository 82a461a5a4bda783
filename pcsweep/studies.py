"""`python -m pcsweep.studies`: all studies in a folder, a line each; nothing is changed."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

if __name__ == "__main__":
    from pcsweep.console.starting import sign

    sign("pcsweep.studies")

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place
from pcsweep.console.exit import end, follow, say, yes_or_no
from pcsweep.console.progress import progress
from pcsweep.console.text import printable
from pcsweep.console.words import words_of
from pcsweep.study.overview import Overview, is_study, overview
from pcsweep.sweep.seen import Lookout

HELP = """\
All studies in a folder, a line each: how far it is, how large, what varied in
it, and the note and tags that it was given.

    python -m pcsweep.studies [output_root=outputs] [sort=changed] [tag=WORD]
                              [queue=false]

output_root  where the studies are
sort         changed (the last first), size (the largest first) or name
tag          only studies that were given this tag, as by tags=[WORD]
queue        whether queues are asked which tasks run; otherwise points in tasks
             that were sent are `sent`, be they running, waiting or lost

Reads the names of files and the plans, and no rows. A point that has a shard
counts as done. `python -m pcsweep.status` says more of one study.
"""
_SORTED = {
    "changed": lambda each: (-each.changed, each.folder.name),
    "size": lambda each: (-each.size, each.folder.name),
    "name": lambda each: (each.folder.name,),
}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_NAMED = 12  # folders that are no studies


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
    """
    given = words_of(words, ("output_root", "sort", "tag", "queue"))
    sort, tag = given.get("sort", "changed"), given.get("tag")
    if sort not in _SORTED:
        raise BadSetting(f"Expected `sort` to be one of {', '.join(_SORTED)}, but got {sort!r}.")
    asked = yes_or_no("queue", given.get("queue", "false"))
    root = Path(place(given.get("output_root", "outputs"), "output_root"))
    folders, others = _folders(root)
    found = []
    with progress("reading studies", len(folders), "studies") as advance:
        for folder in folders:
            found.append(_with_queue(overview(folder)) if asked else overview(folder))
            advance(1)
    shown = sorted((each for each in found if tag is None or tag in each.labelling.tags), key=_SORTED[sort])
    if tag is not None and not shown:
        there = sorted({word for each in found for word in each.labelling.tags})
        raise BadSetting(f"Expected `tag` to be one of {', '.join(there) or '(there are none)'}, but got {tag!r}.")
    console.print(_table(root, shown))
    for each in shown:
        if each.problem:
            say(console, f"Cannot be read: {each.folder.name} ({each.problem})")
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        say(console, f"No studies: {', '.join(others[:_NAMED])}{more}")


def _folders(root: Path) -> tuple[list[Path], list[str]]:
    """The studies in a folder, and the names of the folders in it that are none.

    Raises:
        BadSetting: it is no folder that can be read.
    """
    try:
        with os.scandir(root) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        raise BadSetting(f"Expected `output_root` to be a folder with studies, but {root}: {error.strerror}.") from error
    studies = [name for name in names if is_study(root / name)]
    return [root / name for name in studies], [name for name in names if name not in studies]


def _with_queue(each: Overview) -> Overview:
    """With what its queues say of the points that were sent; as it is where they cannot be asked."""
    if not each.sent:
        return each
    try:
        found = Lookout(each.folder).look().found
    except OSError:
        return each
    running = len(found.in_queue) + len(found.here) + len(found.next_here)
    return replace(each, failed=found.failed, here=running, sent=len(found.unknown))


def _table(root: Path, shown: Sequence[Overview]) -> Table:
    title = f"{len(shown):,} {'study' if len(shown) == 1 else 'studies'} in {root}"
    table = Table(title=Text(printable(title)), title_justify="left", box=None, padding=(0, 2, 0, 0))
    for name in ("study", "done", "failed", "running", "to do", "size", "changed"):
        table.add_column(name, justify="left" if name in ("study", "changed") else "right", no_wrap=name != "study")
    for name in ("varied", "about", "note and tags"):
        table.add_column(name, overflow="fold")
    for each in shown:
        failed = Text(f"{each.failed:,}", style="red") if each.failed else Text("")
        table.add_row(
            Text(each.folder.name, style="bold"),
            Text(f"{each.done:,}/{each.total:,}", style="green" if each.total and each.done == each.total else ""),
            failed,
            Text(_running(each)),
            Text(f"{each.to_do:,}" if each.to_do else ""),
            Text(size_text(each.size)),
            Text(datetime.fromtimestamp(each.changed).astimezone().strftime("%Y-%m-%d %H:%M") if each.changed else ""),
            Text(", ".join(f"{name} ×{count}{'+' * each.sampled}" for name, count in (each.varied or {}).items())),
            Text(each.about),
            Text(printable(each.labelling)),
        )
    return table


def _running(each: Overview) -> str:
    """Such as `3` or `3 + 40 sent`."""
    words = [f"{each.here:,}"] * bool(each.here) + [f"{each.sent:,} sent"] * bool(each.sent)
    return " + ".join(words)


def size_text(size: int) -> str:
    """Such as `1.4 GiB`."""
    power = min(len(_UNITS) - 1, max(0, (size.bit_length() - 1) // 10))
    value = size / 1024**power
    return f"{value:.0f} {_UNITS[power]}" if power == 0 or value >= 100 else f"{value:.1f} {_UNITS[power]}"


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.studies", HELP, command, argv)


if __name__ == "__main__":
    end(main())
