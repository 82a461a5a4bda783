"""What a dry run says: the tasks that would be submitted, what they ask for, and how long they would take."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from pcsweep.console.terminal import terminal
from pcsweep.console.text import duration, number_of
from pcsweep.sweep.executor.protocol import NoAnswer, arrays_of
from pcsweep.sweep.outcome import to_be_sent
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.work import StudyWork, identity, label

if TYPE_CHECKING:
    from pcsweep.compute.estimate import Estimate
    from pcsweep.grid.plan import Plan

_TASK = "task"
_SHOWN = 20  # of them
_HOUR = 3600.0


def describe(plan: "Plan", works: Sequence[StudyWork], elsewhere: int, expected: "Estimate", settings: LauncherSettings) -> None:
    """Prints what would be submitted of a sweep.

    Args:
        plan: of the sweep.
        works: what is not in the queue yet.
        elsewhere: how many points are.
        expected: how long each point takes.
        settings: of the launcher.
    """
    console = terminal(130)
    tasks = [packs for each in works for packs in each.tasks]
    console.print(f"{to_be_sent(plan, len(tasks), elsewhere, settings.where)}.")
    if tasks:
        table = Table("task", "points", "packs", "about", "the first of them", title="Tasks, longest first", title_justify="left")
        for number, packs in enumerate(tasks[:_SHOWN]):
            identities = [identity(point) for pack in packs for point in pack]
            row = number, len(identities), len(packs), duration(expected.of(identities)), label(packs[0][0])
            table.add_row(*map(str, row))
        console.print(table)
        if len(tasks) > _SHOWN:
            console.print(f"… and {number_of(len(tasks) - _SHOWN, _TASK)} more")
        console.print(_arrays(works, settings))
        asked = ", ".join(f"{key}={value}" for key, value in settings.resources.asked.items() if value)
        if asked:
            console.print(f"Each asks for: {asked}", markup=False)
        console.print(
            _hours(expected.of(each for work in works for task in work.identities() for each in task), expected, settings)
        )
    console.print("Dry run: nothing was submitted.")


def _arrays(works: Sequence[StudyWork], settings: LauncherSettings) -> str:
    queue = settings.chosen
    try:
        most = queue.largest_array()
    except NoAnswer as error:
        return f"{queue.title} does not answer, so how many arrays there will be is not known: {error}"
    sizes = [size for each in works for size in arrays_of(len(each.tasks), most, settings.array_parallelism).sizes]
    return (
        f"{number_of(len(sizes), 'array')} of {', '.join(map(str, sizes[:_SHOWN]))}{' …' if len(sizes) > _SHOWN else ''} tasks "
        f"(no more than {most} in one), at most {number_of(settings.array_parallelism, _TASK)} at a time"
    )


def _hours(seconds: float, expected: "Estimate", settings: LauncherSettings) -> str:
    each, kind = (settings.resources.gpus, "GPU") if settings.resources.gpus else (settings.resources.cores, "core")
    source = "as finished points of this study took" if expected.measured else "a rough assumption, until a point is finished"
    return f"About {each * seconds / _HOUR:.2f} {kind}-hours ({source})."
