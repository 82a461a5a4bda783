"""`python -m pcsweep.status`: how far a study is, from its files and the queues; nothing is changed."""

import os
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from pcsweep.config.errors import BadSetting, Unfinished
from pcsweep.console.exit import end, follow, whole_number, yes_or_no
from pcsweep.console.text import duration, gibibytes, number_of
from pcsweep.console.words import words_of
from pcsweep.machine.ownership import user_name
from pcsweep.machine.patience import patiently
from pcsweep.pcoder import rule_of
from pcsweep.pcoder.rule import why_skipped
from pcsweep.search.place import journal
from pcsweep.study import failures, shards, sources, stopping
from pcsweep.study.failures import failure_table
from pcsweep.study.folder import existing_study
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.spent import Sum, spent_of
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import Answers, title
from pcsweep.sweep.lost import for_memory
from pcsweep.sweep.seen import Lookout, Seen
from pcsweep.sweep.standing import Standing

HELP = """\
How far a study is: done, running, pending, failed and skipped points, how fast
it goes, and how long it still takes.

    python -m pcsweep.status study=NAME [output_root=outputs] [cells=true]
    python -m pcsweep.status study=NAME watch=true [every=2]

study        the folder below output_root
output_root  where the studies are
cells        true: every cell as well, in heatmaps of signs
watch        true: all that, renewed until every point is done or has failed;
             Ctrl-C ends it, and what runs goes on. Where the output is no
             terminal, a block each time something has changed
every        seconds between two looks at the files, at least 1; the queue is
             asked less often

Works while jobs run, without Slurm's accounting, and where there is no queue.
Changes nothing. A shard counts as done here if it is there; its content is
verified by the next sweep and by aggregation.
"""
_LISTED = 50  # failures
_LOOKED_AT = 500  # shards, of whose code it is told
_RECENT = 3600.0  # seconds over which the rate is taken
_BAR = 40  # characters
_NOW_AND_THEN = 10.0  # seconds
_LAST = 3  # failures that are told while a study is watched


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.status", HELP, command, argv)


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
        Unfinished: the study cannot be read.
        Detached: Ctrl-C, while the study is watched.
    """
    given = words_of(words, ("study", "output_root", "watch", "every", "cells"))
    watched, whole = yes_or_no("watch", given.get("watch", "false")), yes_or_no("cells", given.get("cells", "false"))
    if "every" in given and not watched:
        raise BadSetting("Expected `every` beside watch=true, since nothing is looked at again without it.")
    every = whole_number("every", given.get("every", "2"), 1)
    folder = existing_study(given.get("output_root", "outputs"), given.get("study", ""))
    if watched:
        from pcsweep.sweep.watching import watch

        watch(folder, console, every, _Brief())
    try:
        patiently(lambda: show(folder, console, whole or watched))
    except OSError as error:
        raise Unfinished(failures.said(error)) from error


def show(folder: Path, console: Console, whole: bool = False) -> None:
    """Prints where the points of the study in `folder` stand; all its cells as well, if that is wanted (`whole`)."""
    seen = Lookout(folder).look()
    found, labels = seen.found, seen.labels
    console.print(_table(seen))
    for line in [*_said(seen.points), *_problems(seen.answers, found), *found.advice, *_pace(seen), *_search(folder)]:
        console.print(line, markup=False)
    looked_at = _looked_at(folder / "shards", sorted(found.done))
    for line in _spent(looked_at, len(found.done)):
        console.print(line, markup=False)
    for line in sources.differing(map(sources.sources_of, looked_at)):
        console.print(f"Look at: {line}", markup=False, soft_wrap=True)
    if whole:
        from pcsweep.sweep.watching import cells

        console.print(*cells(seen, console), sep="\n")
    if found.failed:
        console.print(failure_table(found.failures(labels)[:_LISTED]))
        if found.failed > _LISTED:
            console.print(f"… and {found.failed - _LISTED} more failed")
    _say_stopped(folder, found, console)
    if missing := {*found.raised, *found.lost, *found.waiting}:
        console.print("To compute what is missing:", markup=False)
        asked = [point for point in seen.points if point.identity in missing]
        for command in dict.fromkeys(point.command for point in asked):
            console.print(f"  {command}", markup=False, soft_wrap=True)
        for line in dict.fromkeys(point.changed for point in asked if point.changed):
            console.print(line, markup=False, soft_wrap=True)


class _Brief:
    """What is said while a study is watched; pace and cost, for which many files are read, are told anew now and then."""

    def __init__(self) -> None:
        self._slow: list[str] = []
        self._again = 0.0

    def __call__(self, seen: Seen) -> list[RenderableType]:
        """Of a look."""
        found, now = seen.found, time.monotonic()
        if now >= self._again:
            self._slow = [
                *_pace(seen),
                *_search(seen.folder),
                *_spent(_looked_at(seen.folder / "shards", sorted(found.done)), len(found.done)),
            ]
            self._again = now + _NOW_AND_THEN
        last = sorted(found.raised.values(), key=lambda failure: failure.when)[-_LAST:]
        whys = [f"failed: {failure.label}: {failure.error}" for failure in last]
        lines = [*_problems(seen.answers, found), *found.advice, *self._slow, *whys]
        return [_table(seen), *(Text(line, no_wrap=True, overflow="ellipsis") for line in lines)]


def _say_stopped(folder: Path, found: Standing, console: Console) -> None:
    """Why the last sweep of the study was stopped, as long as not all of it is done; and what was lost for want of memory."""
    if count := sum(map(for_memory, found.lost.values())):
        what = f"{number_of(count, 'point')} in tasks that ended for want of memory"
        console.print(f"{what}: the same command sends them again with more, in smaller tasks.", markup=False, soft_wrap=True)
    if (found.failed or found.waiting) and (why := stopping.why_stopped(folder)):
        console.print(f"Stopped, so that nothing more of it was begun: {why}", markup=False, soft_wrap=True)


def _table(seen: Seen) -> Table:
    found, total, skipped = seen.found, len(seen.labels), seen.skipped
    table = Table(
        title=f"Study {seen.folder.name}: {number_of(total, 'point')}", title_justify="left", show_header=False, box=None
    )
    share = len(found.done) / total if total else 1.0
    full = int(share * _BAR)
    table.add_row("done", f"{len(found.done):,}", f"[green]{'━' * full}[/][dim]{'━' * (_BAR - full)}[/] {share:.0%}")
    running = "; ".join(filter(None, (_in_tasks(found.running.values()), _by_commands("computing here by", found.here))))
    table.add_row("running", f"{len(found.running) + len(found.here):,}", Text(running))
    reasons = f" ({', '.join(found.reasons)})" if found.reasons else ""
    pending = "; ".join(filter(None, (_in_tasks(found.pending.values()) + reasons, _by_commands("next for", found.next_here))))
    table.add_row("pending", f"{len(found.pending) + len(found.next_here):,}", Text(pending))  # in which gpu[a01] is no markup
    table.add_row("failed", f"{found.failed:,}", "")
    if found.unknown:
        table.add_row("unknown", f"{len(found.unknown):,}", "")
    table.add_row("to do", f"{len(found.waiting):,}", "in no queue" if found.waiting else "")
    why = why_skipped(rule_of(point.settings.get("pcoder", {})) for point in skipped)
    table.add_row("skipped", f"{len(skipped):,}", why.strip(" ()"))
    return table


def _looked_at(folder: Path, names: Sequence[str]) -> list[dict[str, str]]:
    """The metadata of some shards, evenly among them: all, if they are not many."""
    some = names[:: 1 + len(names) // _LOOKED_AT]
    return [shards.metadata(shards.place(folder, name)) for name in some]


def _search(folder: Path) -> list[str]:
    """How far a search is, if the study holds one, and what is best so far."""
    if not journal(folder).exists():
        return []
    from pcsweep.search.record import read
    from pcsweep.search.told import how_far

    record = read(folder)
    return list(how_far(record)) if record else []


def _spent(looked_at: Sequence[Mapping[str, str]], done: int) -> list[str]:
    """What was spent so far, in a line; where not all shards were looked at, as if the others were like these."""
    total = Sum()
    for spent in filter(None, map(spent_of, looked_at)):
        total.add(spent)
    if not total.shards:
        return []
    some = len(looked_at) < done
    phase, share = max(total.shares.items(), key=lambda item: item[1], default=("other", 0.0))
    asked = f" of {gibibytes(total.asked)}" if total.asked else ""
    return [
        f"So far: {'about ' if some else ''}{total.hours(done / len(looked_at))}, {100 * share:.0f} % {phase}; "
        f"peak memory {gibibytes(total.memory)}{asked} GiB"
    ]


def _by_commands(what: str, points: Mapping[str, str]) -> str:
    """Such as `computing here by pid 7 on node1`."""
    return f"{what} {', '.join(dict.fromkeys(points.values()))}" if points else ""


def _in_tasks(tasks: Iterable[SubmittedTask]) -> str:
    jobs = dict.fromkeys(task.job or task.name for task in tasks)
    shown = ", ".join(list(jobs)[:4]) + (", …" if len(jobs) > 4 else "")
    return f"in {number_of(len(jobs), 'task')}: {shown}" if jobs else ""


def _said(points: Sequence[PlannedPoint]) -> list[str]:
    """A line for each note and its tags."""
    return [f"Note: {labelling}" for labelling in dict.fromkeys(point.labelling for point in points if point.labelling)]


def _problems(answers: Answers, found: Standing) -> list[str]:
    """A line for each queue that does not answer, and for each that does not show tasks of which the points are unknown."""
    silent = dict.fromkeys((title(origin), why) for origin, why in answers.silent.items())
    lines = [f"{name} does not answer, so who runs and who failed is not known: {why}" for name, why in silent]
    hidden: dict[str, list[str]] = {}
    for origin in dict.fromkeys(task.origin for task in found.unknown.values()):
        if origin in answers.hidden:
            hidden.setdefault(title(origin), []).append(user_name(origin[1]))
    lines += [f"{name} does not show the tasks of {', '.join(who)}, so which run is not known." for name, who in hidden.items()]
    return lines


def _pace(seen: Seen) -> list[str]:
    """How fast shards have come since the last submission or command, and how long the others take at that rate."""
    folder, found = seen.folder, seen.found
    at_work = len(found.in_queue) + len(found.here) + len(found.next_here)
    left = at_work or len(found.waiting)
    now = time.time()
    begun = [task.when for task in seen.tasks] or _times(folder / "planned")
    begin = max([now - _RECENT, *begun])
    recent = sum(each > begin for each in _times(folder / "shards", found.done))
    if not recent or not left:
        return []
    rate = recent / max(now - begin, 1.0)
    which = ("in the queue" if found.in_queue else "being computed") if at_work else "to do"
    return [f"Lately {60 * rate:.3g} points per minute; at this rate those {which} take about {duration(left / rate)}"]


def _times(folder: Path, names: Collection[str] | None = None) -> list[float]:
    """When the files in a folder were written; those with these names before their suffix, or all. What vanishes is left out."""
    times = []
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if names is None or entry.name.partition(".")[0] in names:
                with suppress(FileNotFoundError):
                    times.append(entry.stat().st_mtime)
    return times


if __name__ == "__main__":
    end(main())
