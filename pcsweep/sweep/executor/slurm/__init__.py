"""The executor `slurm`: a cluster's queue, through Slurm's own commands and submitit.

What submits is imported when something is submitted: it needs Hydra, for which those who only ask a queue do not wait.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcsweep.sweep.executor.protocol import Order, Queued, Resources
from pcsweep.sweep.executor.slurm import commands
from pcsweep.sweep.executor.slurm.reasons import advice


class Slurm:
    """A cluster of Slurm, as `protocol.Executor` says."""

    title = "Slurm"
    detached = True

    def unavailable(self) -> str:
        """Why this machine does not belong to a cluster; empty where it does."""
        return commands.unavailable()

    def resources(self, settings: Mapping[str, Any]) -> Resources:
        """What sbatch is asked for, in the launcher's names."""
        from pcsweep.sweep.executor.slurm import submission

        asked = submission.resources(settings)
        some = bool(asked.get("gpus_per_task") or asked.get("gres"))
        return Resources(asked, int(asked.get("cpus_per_task", 1)), int(asked.get("gpus_per_node") or some))

    def describe(self, asked: Mapping[str, Any]) -> str:
        """The partition, for people."""
        partition = asked.get("partition")
        return f"partition {partition}" if partition else "Slurm's default partition"

    def largest_array(self) -> int:
        """MaxArraySize; 1 where there are no arrays."""
        return commands.max_array_size()

    def shows_others(self) -> bool:
        """Whether this user sees the tasks of others in the queue."""
        return commands.shows_others()

    def check_folder(self, folder: Path) -> None:
        """Refuses a folder that Slurm could not name, as that of logs."""
        from pcsweep.sweep.executor.slurm import submission

        submission.check_folder(folder)

    def submit(self, order: Order) -> Generator[Sequence[Any], None, None]:
        """Submits tasks as job arrays, and gives submitit's jobs of one array after the other."""
        from pcsweep.sweep.executor.slurm import submission

        return submission.submit(order)

    def poll(self, users: Iterable[int] = ()) -> list[Queued]:
        """The tasks that wait or run, each that would wait for ever with what to do about it."""
        rows = commands.queue(users)
        return [replace(row, advice=advice(row.reason, row.job)) if row.pending else row for row in rows]

    def cancel(self, jobs: Iterable[str]) -> None:
        """Cancels jobs, or whole job arrays."""
        commands.cancel(jobs)
