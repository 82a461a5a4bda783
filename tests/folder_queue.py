"""An executor of one's own: a folder, named by FOLDER_QUEUE, that plays a queue; `python -m folder_queue` works through it.

A task is a file `JOB-INDEX@NAME` that lies in `pending`, then in `running`, then in `done`; its pickle is in `tasks`.
"""

import os
import sys
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle

from pcsweep.study.submissions import make_private
from pcsweep.sweep.executor.protocol import NoAnswer, Order, Queued, Resources

STATES = ("pending", "running", "done")


class Folder:
    """The queue, as `protocol.Executor` says."""

    title = "Folder"
    detached = True

    def unavailable(self) -> str:
        return "" if "FOLDER_QUEUE" in os.environ else "FOLDER_QUEUE is not set"

    def resources(self, settings: Mapping[str, Any]) -> Resources:
        if settings["qos"]:
            raise ValueError(f"Expected `hydra.launcher.qos` to be null in a folder, but got {settings['qos']}.")
        return Resources({"minutes": settings["timeout_min"]}, cores=2)

    def describe(self, asked: Mapping[str, Any]) -> str:
        return f"a folder for {asked['minutes']} minutes"

    def largest_array(self) -> int:
        return 2

    def shows_others(self) -> bool:
        return True

    def check_folder(self, folder: Path) -> None:
        pass

    def submit(self, order: Order) -> Generator[Sequence[Any], None, None]:
        assert set(order.asked) == {"minutes"}
        make_private(order.folder)
        left = iter(order.tasks)
        for name, size in zip(order.names, order.arrays.sizes, strict=True):
            job = str(1 + len(list(_place("jobs").iterdir())))
            (_place("jobs") / job).touch()
            ids = [job if size == 1 else f"{job}_{index}" for index in range(size)]
            for index, each in enumerate(ids):
                (_place("tasks") / f"{job}-{index}@{name}").write_bytes(
                    cloudpickle.dumps((next(left), str(order.folder / f"{each}_0_log.err")))
                )
                (_place("pending") / f"{job}-{index}@{name}").touch()
            yield [SimpleNamespace(job_id=each) for each in ids]

    def poll(self, users: Iterable[int] = ()) -> list[Queued]:
        if why := self.unavailable():
            raise NoAnswer(why)
        found = []
        for state in ("running", "pending"):
            for path in _place(state).iterdir():
                place, _, name = path.name.partition("@")
                job, _, index = place.partition("-")
                found.append(Queued(job, int(index), name, state.upper(), "Turn" if state == "pending" else "None"))
        return found

    def cancel(self, jobs: Iterable[str]) -> None:
        for job in set(jobs):
            for path in _place("pending").glob(f"{job}-*"):
                path.rename(_place("done") / path.name)


def _place(name: str) -> Path:
    place = Path(os.environ["FOLDER_QUEUE"]) / name
    place.mkdir(parents=True, exist_ok=True)
    return place


def work() -> None:
    """Runs one task after the other until there is a file `stop`; a task of which there is a file `lose` is lost."""
    root = _place("")
    while not (root / "stop").exists():
        for path in sorted(_place("pending").iterdir()):
            running = path.rename(_place("running") / path.name)
            task, log = cloudpickle.loads((_place("tasks") / path.name).read_bytes())
            if (root / "lose").exists():
                (root / "lose").unlink()
                Path(log).write_text("the folder has lost it\n")
            else:
                pid = os.fork()
                if pid == 0:
                    try:
                        task()
                    finally:
                        os._exit(0)
                os.waitpid(pid, 0)
            running.rename(_place("done") / path.name)
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(work())
