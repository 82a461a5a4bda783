"""The grid points of trials: composed, checked and identified when a trial is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pcsweep.grid.composed import point_from
from pcsweep.grid.identified import identified
from pcsweep.grid.known import with_known
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.notes import check_studies, note
from pcsweep.grid.plan import is_done
from pcsweep.grid.point import GridPoint
from pcsweep.study import failures
from pcsweep.study.axes import OF_IMAGES
from pcsweep.sweep import work
from pcsweep.sweep.compose import Composition
from pcsweep.sweep.job import SweepPoint


@dataclass
class TrialPoints:
    """Makes points.

    Args:
        composition: of the sweep.
        loaded: where models and datasets are.
        here: whether this machine computes them.
        counts: numbers of images on which a point may have been computed.
    """

    composition: Composition
    loaded: Loaded
    here: bool
    counts: tuple[int, ...] = ()
    _made: int = field(default=0, init=False)

    def grid_point(self, words: Sequence[str]) -> GridPoint:
        """The point that words ask for, checked; nothing is noted of it.

        Raises:
            BadSetting: a value is wrong.
        """
        return point_from(self.composition.template(words).resolved(words), self.loaded, self.here)

    def made(self, each: Sequence[Sequence[str]], images: int) -> list[SweepPoint]:
        """The points that these words ask for, on so many images, noted as planned.

        Raises:
            BadSetting: a value is wrong, or the study holds other experiments.
        """
        points = [self._one([*words, f"dataset.limit={images}"]) for words in each]
        planned = [point.planned for point in points if point.planned is not None]
        check_studies(planned, OF_IMAGES)
        note(planned[0].folder, planned)
        for point in points:
            failures.forget(work.folder(point), work.identity(point))
        return points

    def _one(self, words: Sequence[str]) -> SweepPoint:
        template = self.composition.template(words)
        planned = identified(point_from(template.resolved(words), self.loaded, self.here), self.loaded)
        point = SweepPoint(self._made, tuple(words), template, with_known(planned, self.counts, self.loaded))
        self._made += 1
        return point


def is_there(point: SweepPoint) -> bool:
    """Whether a point has a shard that verifies."""
    assert point.planned is not None
    return is_done(point.planned)
