"""The packs that a command has to compute, shared with others that compute the same points at once."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pcsweep.study.claims import Claims, pause
from pcsweep.sweep import work
from pcsweep.sweep.job import Pack, SweepPoint

_log = logging.getLogger(__name__)


class Packs:
    """Packs that wait to be computed here, given out one by one."""

    def __init__(
        self,
        packs: Sequence[Pack],
        claims: Mapping[Path, Claims] | None = None,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Of one command; with the claims of each study's folder, unless nobody else may compute the points.

        None are given out any more once there is `enough`.
        """
        self._enough = enough
        self._waiting = list(packs)
        self._claims = claims or {}
        self._said = False

    @property
    def left(self) -> int:
        """How many are still to be given out."""
        return 0 if self._enough() else len(self._waiting)

    def take(self) -> Pack | None:
        """The next pack, without the points that another command computes, which come later; None where it computes all."""
        for number, pack in enumerate(self._waiting):
            free = [point for point in pack if self._is_free(point)]
            if free:
                numbers = {point.number for point in free}
                rest = [point for point in pack if point.number not in numbers]
                self._waiting[number : number + 1] = [rest] if rest else []
                return free
        return None

    def release(self, pack: Pack) -> None:
        """Takes note that a pack has been computed, or cannot be."""
        for point in pack:
            if point.planned is not None and self._claims:
                self._claims[work.folder(point)].release(work.identity(point))

    def again(self, packs: Sequence[Pack]) -> bool:
        """Gives these packs out once more, before all others; whether that is possible."""
        self._waiting[:0] = packs
        return True

    def wait(self) -> None:
        """Waits a little for other commands."""
        if not self._said:
            _log.info("Another command computes the points that are left; waiting for it.")
            self._said = True
        pause()

    def _is_free(self, point: SweepPoint) -> bool:
        """Whether it is to be computed here, or has been computed elsewhere, which is found out when it is its turn."""
        if point.planned is None or not self._claims:
            return True
        claims = self._claims[work.folder(point)]
        return claims.take(work.identity(point)) or point.planned.shard.exists()


@contextmanager
def shared(packs: Sequence[Pack], enough: Callable[[], bool] = lambda: False) -> Iterator[Packs]:
    """The packs, each point of a study claimed while it is computed."""
    with ExitStack() as stack:
        works = work.works([[pack] for pack in packs]) if any(pack[0].planned for pack in packs) else []
        claims = {each.folder: stack.enter_context(Claims(each.folder, list(each.labels))) for each in works}
        yield Packs(packs, claims, enough)
