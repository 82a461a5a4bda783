"""What a dry run says: the tasks that would be submitted, what they ask for, and how long they would take."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from pcsweep import slurm
from pcsweep.sweep.settings import Settings
from pcsweep.sweep.submission import shape
from pcsweep.sweep.work import Work
from pcsweep.wording import duration, number_of

if TYPE_CHECKING:
    from pcsweep.estimate import Estimate
    from pcsweep.study import Plan

_TASK = "task"
_SHOWN = 20  # of them
_HOUR = 3600.0


def describe(plan: "Plan", works: Sequence[Work], expected: "Estimate", settings: Settings) -> None:
    """Prints the plan of a sweep on Slurm."""
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    tasks = [packs for each in works for packs in each.tasks]
    console.print(f"{plan}{f' in {number_of(len(tasks), _TASK)} on {settings.where}' if tasks else ''}.")
    if tasks:
        table = Table("task", "points", "packs", "about", "the first of them", title="Tasks, longest first", title_justify="left")
        for number, packs in enumerate(tasks[:_SHOWN]):
            numbers = [point.number for pack in packs for point in pack]
            planned = packs[0][0].planned
            assert planned is not None
            table.add_row(str(number), str(len(numbers)), str(len(packs)), duration(expected.of(numbers)), planned.point.label)
        console.print(table)
        if len(tasks) > _SHOWN:
            console.print(f"… and {number_of(len(tasks) - _SHOWN, _TASK)} more")
        console.print(_arrays(works, settings))
        console.print(
            "Each asks for: " + ", ".join(f"{key.removeprefix('slurm_')}={value}" for key, value in settings.asked.items())
        )
        console.print(_hours(expected, settings))
    console.print("Dry run: nothing was submitted.")


def _arrays(works: Sequence[Work], settings: Settings) -> str:
    try:
        most = slurm.max_array_size()
    except slurm.NoAnswer as error:
        return f"Slurm does not answer, so how many arrays there will be is not known: {error}"
    sizes = [size for each in works for size in shape(len(each.tasks), most, settings.array_parallelism).sizes]
    return (
        f"{number_of(len(sizes), 'array')} of {', '.join(map(str, sizes[:_SHOWN]))}{' …' if len(sizes) > _SHOWN else ''} tasks "
        f"(MaxArraySize {most}), at most {number_of(settings.array_parallelism, _TASK)} at a time"
    )


def _hours(expected: "Estimate", settings: Settings) -> str:
    total = sum(expected.seconds.values()) / _HOUR
    what = f"{total * settings.gpus:.2f} GPU-hours" if settings.gpus else f"{total * settings.cores:.2f} core-hours"
    source = "as finished points of this study took" if expected.measured else "a rough assumption, until a point is finished"
    return f"About {what} ({source})."
