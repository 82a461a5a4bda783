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
from pcsweep.sweep import executor
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
        Unfinished: the queue does not do it, or the study cannot be read.
    """
    given = words_of(words, ("study", "output_root"))
    folder = existing_study(given.get("output_root", "outputs"), given.get("study", ""))
    try:
        _check_owner(folder)
        tasks = cancelled(folder)
    except OSError as error:
        raise Unfinished(failures.said(error)) from error
    except NoAnswer as error:
        title = executor.titles(each.executor for each in submissions.read_all(folder))
        raise Unfinished(f"{title} does not do it: {error}") from error
    jobs = sorted({task.job for task in tasks}, key=lambda job: (len(job), job))
    of_jobs = f"job{'' if len(jobs) == 1 else 's'} {', '.join(jobs)}"
    done = f"Cancelled {number_of(len(tasks), 'task')} of {folder.name}, of {of_jobs}"
    say(console, f"{done if jobs else f'{folder.name} has no task in the queue'}.")


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


def cancelled(folder: Path) -> list[Queued]:
    """Takes the tasks of the study in `folder` out of the queue, those that a command is just submitting too.

    Raises:
        NoAnswer: a queue refuses, or does not answer.
    """
    taken: dict[tuple[str, int], Queued] = {}
    while True:
        known = submissions.read_all(folder)
        sending = any(each.being_sent for each in known)  # before the queue is read
        names = {array.name for each in known for array in each.arrays}
        tasks: list[Queued] = []
        for queue in executor.noted_in(known):
            here = [task for task in queue.poll({each.owner for each in known}) if task.name in names] if names else []
            queue.cancel(task.job for task in here)
            tasks += here
        taken |= {(task.name, task.index): task for task in tasks}
        for each in known:
            if any(array.name == name for array in each.arrays for name, _ in taken):
                submissions.cancelled(each)
        if not sending:
            return list(taken.values())
        time.sleep(_MOMENT)


if __name__ == "__main__":
    end(main())
