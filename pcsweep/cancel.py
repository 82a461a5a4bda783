"""`python -m pcsweep.cancel`: takes the tasks of one study out of the queue."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pcsweep.config.errors import BadSetting, Unfinished
from pcsweep.console.exit import end, follow, say
from pcsweep.console.text import number_of
from pcsweep.console.words import words_of
from pcsweep.machine.ownership import user_name
from pcsweep.study import failures, submissions
from pcsweep.study.folder import existing_study
from pcsweep.study.submissions import Origin
from pcsweep.sweep.executor.answers import reached, title
from pcsweep.sweep.executor.protocol import NoAnswer, Queued

HELP = """\
Cancels the tasks of one study in the queue, and no other job. Finished
points are kept.

    python -m pcsweep.cancel study=NAME [output_root=outputs]

study        the folder below output_root; a study of your own
output_root  where the studies are
"""
_MOMENT = 0.5  # seconds


def main(argv: Sequence[str] | None = None) -> int:
    """The command and its exit code."""
    return follow("pcsweep.cancel", HELP, command, argv)


def command(words: Sequence[str], console: Console) -> None:
    """Follows the words of the command line.

    Raises:
        BadSetting: they cannot be followed.
        Unfinished: a queue does not do it, or the study cannot be read.
    """
    given = words_of(words, ("study", "output_root"))
    folder = existing_study(given.get("output_root", "outputs"), given.get("study", ""))
    try:
        _check_owner(folder)
        tasks, refusals = cancelled(folder)
    except OSError as error:
        raise Unfinished(failures.said(error)) from error
    jobs = sorted({task.job for task in tasks}, key=lambda job: (len(job), job))
    of_jobs = f"job{'' if len(jobs) == 1 else 's'} {', '.join(jobs)}"
    done = f"Cancelled {number_of(len(tasks), 'task')} of {folder.name}, of {of_jobs}"
    if jobs or not refusals:
        say(console, f"{done if jobs else f'{folder.name} has no task in the queue'}.")
    if refusals:
        said = dict.fromkeys(f"{title(origin)} does not do it: {why}" for origin, why in refusals.items())
        raise Unfinished("\n".join(said))


def _check_owner(folder: Path) -> None:
    """Refuses a study whose tasks are somebody else's; root may cancel all.

    Raises:
        BadSetting: names whose it is.
        OSError: the study cannot be read now.
    """
    me = os.geteuid()
    owners = {each.owner for each in submissions.read_all(folder)} or {folder.stat().st_uid}
    if me != 0 and (others := owners - {me}):
        names = " and ".join(map(user_name, sorted(others)))
        raise BadSetting(
            f"Expected `study` to name a study of your own, but {folder.name} is that of {names}, who can cancel it."
        )


def cancelled(folder: Path) -> tuple[list[Queued], dict[Origin, str]]:
    """Takes the tasks of the study in `folder` out of its queues, those that a command is just submitting too.

    Returns:
        The tasks that are out; and why a queue refuses or does not answer, by the origin of the tasks that it has.
    """
    taken: dict[tuple[str, int], Queued] = {}
    while True:
        known = submissions.read_all(folder)
        sending = any(each.being_sent for each in known)  # before the queues are read
        names = {array.name for each in known for array in each.arrays}
        queues, refusals = reached(each.origin for each in known if each.arrays)
        for queue, sent in queues:
            try:
                here = [task for task in queue.poll(owner for _, owner in sent) if task.name in names]
                queue.cancel(task.job for task in here)
            except NoAnswer as error:
                refusals |= dict.fromkeys(sent, str(error))
            else:
                taken |= {(task.name, task.index): task for task in here}
        for each in known:
            if any(array.name == name for array in each.arrays for name, _ in taken):
                submissions.cancelled(each)
        if refusals or not sending:
            return list(taken.values()), refusals
        time.sleep(_MOMENT)


if __name__ == "__main__":
    end(main())
