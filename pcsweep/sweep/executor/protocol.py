"""What an executor is: it takes tasks, shows those that wait or run, and lets them go; a queue, or the command itself."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded
    from pcsweep.sweep.job import SweepTask
    from pcsweep.sweep.sharing import Packs
    from pcsweep.sweep.snapshot import FrozenTask

WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"})


class NoAnswer(Exception):
    """The queue cannot be reached now, or refuses; the message is its own."""


class Refused(Exception):
    """The queue has not taken a job; the message is its own."""


@dataclass(frozen=True)
class Queued:
    """A task in the queue.

    Args:
        job: number or name of its job.
        index: its place in its job array, 0 for a job without one.
        name: of its array, as it was submitted.
        state: in Slurm's words, such as PENDING or RUNNING.
        reason: why it waits.
        advice: what to do where it would wait for ever; empty where it is only to be waited for.
    """

    job: str
    index: int
    name: str
    state: str
    reason: str
    advice: str = ""

    @property
    def pending(self) -> bool:
        """Whether it waits; otherwise it runs, or is just starting or ending."""
        return self.state in WAITING


@dataclass(frozen=True)
class Arrays:
    """How so many tasks become arrays.

    Args:
        sizes: of the arrays.
        at_once: how many tasks of each array may run at a time.
        active: how many arrays may run at a time; each further one waits for the one so many before it.
    """

    sizes: tuple[int, ...]
    at_once: tuple[int, ...]
    active: int


def arrays_of(tasks: int, most: int, parallelism: int) -> Arrays:
    """The arrays of so many tasks.

    Args:
        tasks: how many.
        most: tasks that one array may have.
        parallelism: how many tasks may run at a time, of all arrays together.
    """
    sizes = tuple(min(most, tasks - start) for start in range(0, tasks, most))
    active = min(len(sizes), parallelism)
    shares = [parallelism // active + (number < parallelism % active) for number in range(active)]
    return Arrays(sizes, tuple(shares[number % active] for number in range(len(sizes))), active)


@dataclass(frozen=True)
class Resources:
    """What each task asks for.

    Args:
        asked: in the executor's own words, as a dry run shows them and `Order.asked` hands them back.
        cores: how many of them a task has, as far as that is known, by which a dry run judges how long it takes.
        gpus: the same of GPUs.
    """

    asked: Mapping[str, Any] = field(default_factory=dict)
    cores: int = 1
    gpus: int = 0


@dataclass(frozen=True, eq=False)
class Order:
    """What an executor is to take.

    Args:
        tasks: callables that can be pickled, each of some packs. Those of a study that go to a queue run the code that was
            submitted, in a process of their own; whoever unpickles and calls one needs nothing of this package.
        asked: what each task asks for, as the executor's `resources` has put it.
        folder: of scripts, pickles and logs; made for its owner alone.
        names: one per array, by which its tasks are recognised.
        arrays: how many tasks each has.
        timeouts: how often a task is queued again after its time is over.
        loaded: models and datasets that this process has already, for an executor that computes in it.
        enough: for an executor that is not detached, whether nothing more is to be begun.
        packs: of a search, which are asked for one by one, by an executor that is not detached; they are none of the tasks, of
            which there is one without packs, for what all points share.
    """

    tasks: "Sequence[SweepTask | FrozenTask]"
    asked: Mapping[str, Any]
    folder: Path = Path()
    names: Sequence[str] = ()
    arrays: Arrays = Arrays((), (), 0)
    timeouts: int = 0
    loaded: "Loaded | None" = None
    packs: "Packs | None" = None
    enough: Callable[[], bool] = lambda: False


@runtime_checkable
class Executor(Protocol):
    """What computes tasks.

    `title` is its name for people. `detached` says whether its tasks run apart from the command, which may end before them, so
    that they are noted, waited for and looked at; otherwise they are over when `submit` has given them.
    """

    title: str
    detached: bool

    def unavailable(self) -> str:
        """Why nothing can be sent to it from here, such as `there is no command sbatch on the PATH`; empty where it can."""

    def resources(self, settings: Mapping[str, Any]) -> Resources:
        """What each task asks for, from the settings of `hydra/launcher`; those that it does not know are left aside.

        Raises:
            ValueError: names a setting that it cannot follow.
        """

    def describe(self, asked: Mapping[str, Any]) -> str:
        """Where tasks that ask for this run, for people."""

    def largest_array(self) -> int:
        """How many tasks a job array may have.

        Raises:
            NoAnswer: it cannot be reached now.
        """

    def shows_others(self) -> bool:
        """Whether this user sees the tasks of others.

        Raises:
            NoAnswer: it cannot be reached now.
        """

    def check_folder(self, folder: Path) -> None:
        """Refuses a folder in which it could not run tasks.

        Raises:
            ValueError: says why.
        """

    def submit(self, order: Order) -> Generator[Sequence[Any], None, None]:
        """Takes tasks as job arrays, and gives the jobs of one array after the other.

        One that is not detached gives what it has computed, pack by pack: points with their number as `job_id`, and `result()`.
        A queue's job has a `job_id`, `12_3` for a task of an array of several and `12` for that of an array of one. Its log is
        `{job_id}_0_log.err` in the folder. For other applications than studies it has `result()` too, once there is
        `paths.result_pickle`; its log is `paths.stderr`.

        Raises:
            Refused: the arrays given so far have been submitted.
            ValueError: a folder that cannot be used.
        """

    def poll(self, users: Iterable[int] = ()) -> list[Queued]:
        """The tasks that wait or run of these users, by number, or of this one.

        Raises:
            NoAnswer: it cannot be read now.
        """

    def cancel(self, jobs: Iterable[str]) -> None:
        """Cancels jobs, or whole job arrays, by `Queued.job`.

        Raises:
            NoAnswer: it refuses.
        """
