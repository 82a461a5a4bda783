"""Packs are computed in this process, or by several workers on this machine, one for each GPU."""

import logging
import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals

from pcsweep.console.text import number_of
from pcsweep.machine.memory import kills
from pcsweep.sweep.job import Pack, Session, SweepPoint, loaded_for, run_pack
from pcsweep.sweep.sharing import Packs
from pcsweep.sweep.work import FEWEST, smallest

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded

_log = logging.getLogger(__name__)
_SECONDS_TO_STOP = 10.0
_LOOK = 0.5  # seconds between two looks at what other commands compute, while a worker has nothing to do

Results = Mapping[int, JobReturn | None]  # None of a point that was lost with its worker


def run_here(session: Session, packs: Packs, loaded: "Loaded | None" = None) -> Iterator[Results]:
    """Computes one pack after the other in this process, where a debugger can follow; gives each pack's results by number.

    Args:
        session: what the points share.
        packs: largest first.
        loaded: the models and datasets that are there already; None for another application's points.
    """
    while packs.left:
        pack = packs.take()
        if pack is None:
            packs.wait()
            continue
        results = {point.number: result for point, result in zip(pack, run_pack(session, pack, loaded), strict=True)}
        packs.release(pack)
        yield results


def run_in_workers(session: Session, packs: Packs, workers: int, gpus: Sequence[str]) -> Iterator[Results]:
    """Computes packs in worker processes, each pack in the first that is free, and gives their results as they come.

    A worker that dies costs the pack it had, for whose points None is given; another takes its place.

    Args:
        session: what the points share.
        packs: largest first.
        workers: how many.
        gpus: for CUDA_VISIBLE_DEVICES, dealt out to the workers; if there are none, they share the cores instead.
    """
    running = [_Worker.started(session, number, workers, gpus) for number in range(min(workers, packs.left))]
    try:
        while _give_out(packs, running) or packs.left:
            busy = [worker for worker in running if worker.pack]
            if not busy:
                packs.wait()
            for worker in _ready(busy, _LOOK if packs.left and len(busy) < len(running) else None):
                pack = worker.pack
                results = worker.results()
                packs.release(pack)
                if results or not (worker.wanted_memory and _in_smaller_packs(packs, pack)):
                    yield results or dict.fromkeys(point.number for point in pack)
    finally:
        for worker in running:
            worker.stop()


def _in_smaller_packs(packs: Packs, pack: Pack) -> bool:
    """Has a pack that was too large for the memory computed point by point, as few rows at once as can be; once."""
    smaller = [[smallest(point)] for point in pack if point.planned]
    if not smaller or (len(pack) == 1 and _has_fewest_rows(pack[0])):
        return False
    if not packs.again(smaller):
        return False
    _log.warning(
        "The kernel ended a worker for want of memory; its %s tried again alone, with fewest rows.", number_of(len(pack), "point")
    )
    return True


def _has_fewest_rows(point: SweepPoint) -> bool:
    return point.planned is not None and point.planned.point.settings.batch_size == FEWEST


def _give_out(packs: Packs, running: Sequence["_Worker"]) -> bool:
    """Gives each worker that has nothing to do a pack, as long as there are some; whether one has something to do then."""
    for worker in running:
        if not worker.pack:
            pack = packs.take() if packs.left else None
            if pack is None:
                break
            worker.give(pack)
    return any(worker.pack for worker in running)


def _ready(busy: Sequence["_Worker"], seconds: float | None) -> list["_Worker"]:
    """The workers that have done their pack or died, after at most so many seconds."""
    ready = wait([worker.connection for worker in busy], seconds) if busy else []
    return [worker for worker in busy if worker.connection in ready]


@dataclass(eq=False)
class _Worker:
    """A process that computes the packs it is given, until the pipe to it is closed."""

    arguments: tuple[bytes, dict[str, str]]
    pack: Pack = ()
    wanted_memory: bool = False  # whether the kernel has just ended it for that
    connection: Connection = field(init=False)
    process: Any = field(init=False)
    kills: int = field(init=False)

    def __post_init__(self) -> None:
        self._start()

    @staticmethod
    def started(session: Session, number: int, workers: int, gpus: Sequence[str]) -> "_Worker":
        """The worker with that number of so many."""
        import cloudpickle

        if gpus:
            environment = {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]}
        else:
            environment = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // workers))}
            environment |= {name: os.environ[name] for name in environment if name in os.environ}
        return _Worker((cloudpickle.dumps((session, Singleton.get_state())), environment))

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, *self.arguments), daemon=True)
        self.process.start()
        self.kills = kills()  # until then
        theirs.close()

    def give(self, pack: Pack) -> None:
        """Has a pack computed."""
        import cloudpickle

        self.pack = pack
        with suppress(BrokenPipeError):  # it has just died; `results` will say so
            self.connection.send_bytes(cloudpickle.dumps(pack))

    def results(self) -> Results:
        """What it has computed of its pack; nothing if it has died, and then it is started again."""
        pack, self.pack = self.pack, ()
        try:
            found = pickle.loads(self.connection.recv_bytes())  # noqa: S301  (from our own process)
        except (EOFError, ConnectionResetError):
            self.process.join()
            self.connection.close()
            self.wanted_memory = self.process.exitcode == -signal.SIGKILL and kills() > self.kills
            numbers = ", ".join(str(point.number) for point in pack)
            _log.error("The worker of points %s ended with code %s.", numbers, self.process.exitcode)
            self._start()
            return {}
        return {point.number: result for point, result in zip(pack, found, strict=True)}

    def stop(self) -> None:
        """Ends it: at once if it has nothing to do, otherwise by interrupting it."""
        self.connection.close()
        if self.pack:
            self.process.terminate()
        self.process.join(_SECONDS_TO_STOP)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(connection: Connection, shared: bytes, environment: dict[str, str]) -> None:
    """A worker's life."""
    import cloudpickle

    os.environ.update(environment)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # leave no half-written file
    try:
        session, state = pickle.loads(shared)  # noqa: S301  (from our own process)
        Singleton.set_state(state)
        setup_globals()
        session.log_as_the_sweep()
        loaded: Loaded | None = None
        while True:
            pack = pickle.loads(connection.recv_bytes())  # noqa: S301  (from our own process)
            loaded = loaded or loaded_for([pack])
            connection.send_bytes(cloudpickle.dumps(run_pack(session, pack, loaded)))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
