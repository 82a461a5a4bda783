"""The executor `local`: tasks are computed by the command itself, in its process or by several workers, one for each GPU."""

import logging
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsweep.sweep.executor.protocol import NoAnswer, Order, Queued, Resources

if TYPE_CHECKING:
    from pcsweep.sweep.job import Pack
    from pcsweep.sweep.sharing import Packs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Computed:
    """A point that has been computed, as a queue's job: its number in the sweep, and what Hydra returns for it.

    That is None where it was lost with the worker that computed it.
    """

    job_id: str
    returned: Any

    def result(self) -> list[Any]:
        """As a job's: a list with one for each of its points."""
        return [self.returned]


class Local:
    """This machine, as `protocol.Executor` says. Its tasks are over when `submit` has given them, so there is nothing to poll."""

    title = "This machine"
    detached = False

    def unavailable(self) -> str:
        """It always can be used."""
        return ""

    def resources(self, settings: Mapping[str, Any]) -> Resources:
        """The number of workers."""
        return Resources({"workers": settings["workers"]})

    def describe(self, asked: Mapping[str, Any]) -> str:  # noqa: ARG002
        """For people."""
        return "this machine"

    def largest_array(self) -> int:
        """Tasks are not counted in arrays here."""
        return 1

    def shows_others(self) -> bool:
        """Every command notes in a study's folder what it computes."""
        return True

    def check_folder(self, folder: Path) -> None:
        """Nothing is written there."""

    def submit(self, order: Order) -> Generator[Sequence[Computed], None, None]:
        """Computes the tasks' packs, each point claimed while it is computed, and gives each pack's points when they are done.

        A worker that dies costs the pack it had, whose points are given without a result; another takes its place.
        """
        from pcsweep.sweep.executor.local.workers import run_here, run_in_workers
        from pcsweep.sweep.sharing import shared

        if order.packs is not None:
            yield from self._one_by_one(order, order.packs)
            return
        packs = [pack for task in order.tasks for pack in task.packs]
        gpus = gpus_here() if any(_leaves_the_gpu_to_us(pack) for pack in packs) else []
        wanted = order.asked["workers"]
        workers = min(max(1, len(gpus)) if wanted == "auto" else wanted, max(1, len(packs)))
        if workers > 1:
            _log.info("Computed by %d workers.", workers)
            packs.sort(key=len, reverse=True)
        if not packs:
            return
        session = order.tasks[0].session
        with shared(packs, order.enough) as ours:
            computed = run_here(session, ours, order.loaded) if workers == 1 else run_in_workers(session, ours, workers, gpus)
            for results in computed:
                yield [Computed(str(number), result) for number, result in results.items()]

    def _one_by_one(self, order: Order, packs: "Packs") -> Generator[Sequence[Computed], None, None]:
        """Computes packs that are asked for when they are to be computed."""
        from pcsweep.sweep.executor.local.workers import run_here, run_in_workers

        gpus = gpus_here()
        wanted = order.asked["workers"]
        workers = max(1, len(gpus)) if wanted == "auto" else wanted
        session = order.tasks[0].session
        computed = run_here(session, packs, order.loaded) if workers == 1 else run_in_workers(session, packs, workers, gpus)
        for results in computed:
            yield [Computed(str(number), result) for number, result in results.items()]

    def poll(self, users: Iterable[int] = ()) -> list[Queued]:  # noqa: ARG002
        """None: whoever computes here says so in the study's folder."""
        return []

    def cancel(self, jobs: Iterable[str]) -> None:
        """Not from elsewhere.

        Raises:
            NoAnswer: says what to do instead.
        """
        if list(jobs):
            raise NoAnswer("what a command computes here ends with it, by Ctrl-C")


def _leaves_the_gpu_to_us(pack: "Pack") -> bool:
    return pack[0].planned is not None and pack[0].planned.point.settings.device in ("auto", "cuda")


def gpus_here() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = [word for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if word.strip()]
    return named[:count] if named else [str(number) for number in range(count)]
