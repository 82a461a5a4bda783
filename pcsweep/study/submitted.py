"""The tasks of a study's submissions, one by one, as a queue shows them."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pcsweep.study.submissions import Array, Origin, Submission


@dataclass(frozen=True)
class SubmittedTask:
    """One task of a submission: `index` is its place in its array."""

    name: str
    index: int
    identities: tuple[str, ...]
    job: str | None  # such as 12_3
    log: Path | None
    when: float  # it was submitted
    cancelled: bool = False
    owner: int = field(default_factory=os.geteuid)  # the number of the user whose it is
    executor: str = "slurm"  # by its name, to which it was sent

    @property
    def key(self) -> tuple[str, int]:
        """What tells it apart in the queue."""
        return self.name, self.index

    @property
    def origin(self) -> Origin:
        """To which executor it was sent, and by whom."""
        return self.executor, self.owner


def tasks(submissions: Iterable[Submission]) -> list[SubmittedTask]:
    """Every task of the submissions."""
    return [
        SubmittedTask(
            array.name,
            index,
            identities,
            *_job_and_log(each, array, index),
            each.when,
            cancelled=array.cancelled,
            owner=each.owner,
            executor=each.executor,
        )
        for each in submissions
        for array in each.arrays
        for index, identities in enumerate(array.tasks)
    ]


def _job_and_log(submission: Submission, array: Array, index: int) -> tuple[str | None, Path | None]:
    if array.job is None:
        return None, None
    job = array.job if len(array.tasks) == 1 else f"{array.job}_{index}"
    return job, submission.logs / f"{job}_0_log.err"  # as submitit names it
