"""A search whose trials are computed while the command lives: packs are made of what is to be computed when a worker is free."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from hydra.core.singleton import Singleton

from pcsweep.study.claims import Claims
from pcsweep.sweep.at_once import note_dead
from pcsweep.sweep.executor.protocol import Order
from pcsweep.sweep.job import Pack, Session, SweepTask
from pcsweep.sweep.searching.search import Search
from pcsweep.sweep.searching.words import progress_of
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.sharing import Packs

if TYPE_CHECKING:
    from pcsweep.grid.loaded import Loaded

_LOOK = 0.2  # seconds


class SearchPacks(Packs):
    """Packs of a search, asked for when they are to be computed."""

    def __init__(self, search: Search, claims: Claims, trials: int, points: int) -> None:
        """With so many trials under way, and so many points in a pack, at most."""
        super().__init__([], {search.folder: claims})
        self._search, self._trials, self._points = search, trials, points

    @property
    def left(self) -> int:
        """How many trials can be under way, as long as anything is left to do."""
        self._search.advance(self._trials)
        return self._trials if self._search.left else 0

    def take(self) -> Pack | None:
        """The next pack; None where others compute all there is now."""
        return self._search.give(self._is_free, self._points)

    def release(self, pack: Pack) -> None:
        """Takes note that a pack has been computed, or cannot be."""
        super().release(pack)
        note_dead(pack)
        self._search.returned(pack)

    def again(self, packs: Sequence[Pack]) -> bool:  # noqa: ARG002
        """Not of a search, which is told that they have failed."""
        return False

    def wait(self) -> None:
        """Waits a little for other commands."""
        time.sleep(_LOOK)


def search_here(session: Session, search: Search, settings: LauncherSettings, parallel: int, loaded: "Loaded") -> None:
    """Computes trials until as many as were asked for have ended, with a bar.

    Args:
        session: what all points share.
        search: asks and tells.
        settings: of the launcher.
        parallel: trials that are under way at a time.
        loaded: models and datasets that this process has already.
    """
    state = Singleton.get_state()
    with Claims(search.folder, []) as claims, progress_of(search) as update:
        packs = SearchPacks(search, claims, parallel, settings.points_per_pack)
        order = Order([SweepTask(session, [], state)], settings.resources.asked, loaded=loaded, packs=packs)
        with closing(settings.chosen.submit(order)) as computed:
            for _ in computed:
                update()
