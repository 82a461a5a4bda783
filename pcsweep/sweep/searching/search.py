"""One command's part in a search: trials under way, what is to be computed for them next, and what becomes of them."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pcsweep.config.errors import BadSetting
from pcsweep.search.objective import Objective
from pcsweep.search.space import Space
from pcsweep.search.terms import Terms
from pcsweep.search.trials import Measured, Trials, TrialUnderWay
from pcsweep.study import claims, shards
from pcsweep.study.values import ShardValues, values_of
from pcsweep.sweep import work
from pcsweep.sweep.job import Pack, SweepPoint
from pcsweep.sweep.searching.points import TrialPoints, is_there

_log = logging.getLogger(__name__)
_LEAST_FAILED, _SHARE_FAILED = 5, 0.1  # trials that may fail before the search stops


@dataclass(eq=False)
class Stage:
    """A trial on one number of images.

    Args:
        trial: whose.
        points: one for each condition.
        images: how many.
        confirming: whether the search is over, and the images that it has not seen are what counts.
    """

    trial: TrialUnderWay
    points: list[SweepPoint]
    images: int
    confirming: bool = False
    there: set[int] = field(default_factory=set)  # numbers of points that had a shard before anything was computed
    given: set[int] = field(default_factory=set)  # that were given out
    back: set[int] = field(default_factory=set)  # that are done or have failed

    @property
    def over(self) -> bool:
        """Whether nothing is left to compute."""
        return len(self.back) == len(self.points)

    @property
    def identities(self) -> list[str]:
        """Of its points."""
        return [work.identity(point) for point in self.points]


class Search:
    """Asks for trials and tells what came of them.

    Args:
        trials: of the search.
        points: makes their grid points.
        terms: what it is about.
        space: of coefficients.
        objectives: what is wanted.
        conditions: the words of each.
    """

    def __init__(
        self,
        trials: Trials,
        points: TrialPoints,
        terms: Terms,
        space: Space,
        objectives: Sequence[Objective],
        conditions: Sequence[Sequence[str]],
    ) -> None:
        self.trials, self.terms, self.space, self.objectives = trials, terms, space, objectives
        self._points, self._conditions = points, conditions
        self._first = points.grid_point(conditions[0])
        self.under_way: list[Stage] = []
        self._to_confirm: list[int] | None = None
        self.stopped = False  # since too many trials have failed
        self._before = trials.begun(), trials.failed()  # of commands before this one, whose cause may have been mended

    @property
    def folder(self) -> Path:
        """Of the study."""
        return self._first.settings.folder

    @property
    def left(self) -> bool:
        """Whether anything is still to be done by this command."""
        return bool(self.under_way) or self._to_confirm != []

    def advance(self, most: int) -> None:
        """Tells what is over, and begins what comes next, with at most so many trials under way."""
        while True:
            for stage in [stage for stage in self.under_way if stage.over]:
                self.under_way.remove(stage)
                self._conclude(stage)
            self._begin(most)
            if not any(stage.over for stage in self.under_way):
                return

    def _begin(self, most: int) -> None:
        """Goes on with what dead commands have left, then asks for new trials, and at the end confirms the best."""
        if self._too_many_failed():
            self._to_confirm, self.stopped = [], True
            return
        if self._to_confirm is None:
            for trial in self.trials.adopt(lambda tag: claims.lives(self.folder, tag)):
                _log.info("Going on with trial %d, whose command has ended.", trial.number)
                self.under_way.append(self._stage(trial))
            while len(self.under_way) < most and (asked := self.trials.ask()):
                self.under_way.append(self._stage(asked))
            if not self.under_way and not self.trials.others():
                self._to_confirm = self._best()
        while self._to_confirm and len(self.under_way) < most:
            self._confirm(self._to_confirm.pop(0))

    def _too_many_failed(self) -> bool:
        begun, failed = (
            now - before for now, before in zip((self.trials.begun(), self.trials.failed()), self._before, strict=True)
        )
        return failed > max(_LEAST_FAILED, _SHARE_FAILED * (begun + failed))

    def _best(self) -> list[int]:
        """Numbers of the trials that are to be confirmed."""
        unseen = self.terms.total > self.terms.images[-1]
        return [each.number for each in self.trials.best() if not self.trials.is_confirmed(each.number)] if unseen else []

    def _stage(self, trial: TrialUnderWay, confirming: bool = False) -> Stage:
        images = self.terms.total if confirming else self.terms.images[trial.rung]
        own = self.space.words(trial.coefficients)
        try:
            points = self._points.made([[*words, *own] for words in self._conditions], images)
        except BadSetting:
            if not confirming:
                self.trials.fail(trial, "its settings are refused")
            raise
        stage = Stage(trial, points, images, confirming)
        stage.there = {point.number for point in points if is_there(point)}
        stage.back |= stage.there
        return stage

    def _confirm(self, number: int) -> None:
        self.under_way.append(self._stage(self.trials.ended_trial(number), confirming=True))

    def give(self, free: Callable[[SweepPoint], bool], most: int) -> Pack | None:
        """Points to compute together, at most so many; None where there are none now.

        Args:
            free: whether a point may be computed here.
            most: points of a pack.
        """
        alike: dict[tuple[int, int], list[tuple[Stage, SweepPoint]]] = {}
        for stage in self.under_way:
            for place, point in enumerate(stage.points):
                if point.number not in stage.given | stage.back:
                    alike.setdefault((stage.images, place), []).append((stage, point))
        for waiting in alike.values():
            pack: list[SweepPoint] = []
            for stage, point in waiting:
                if len(pack) < most and free(point):
                    stage.given.add(point.number)
                    pack.append(point)
            if pack:
                return pack
        return None

    def returned(self, pack: Pack) -> None:
        """Takes note that a pack has been computed, or cannot be."""
        numbers = {point.number for point in pack}
        for stage in self.under_way:
            stage.back |= numbers & {point.number for point in stage.points}

    def settled(self, identities: frozenset[str]) -> None:
        """Takes note of points that are done or have failed, by identity."""
        for stage in self.under_way:
            stage.back |= {point.number for point in stage.points if work.identity(point) in identities}

    def _conclude(self, stage: Stage) -> None:
        """Tells what came of a trial on so many images, and begins its next stage if there is one."""
        try:
            read = {point.number: _read(point) for point in stage.points}
        except (FileNotFoundError, shards.DamagedShard):
            if not stage.confirming:
                self.trials.fail(stage.trial, "a point of it has failed")
            return
        found = [values_of(shard) for shard in read.values()]
        computed = sum(self._computed(read[point.number].metadata, point, stage) for point in stage.points)
        measured = self._measured(stage, found, computed)
        if stage.confirming:
            self.trials.confirm(stage.trial.number, measured)
        elif further := self.trials.tell(stage.trial, measured):
            self.under_way.append(self._stage(further))

    def _measured(self, stage: Stage, found: Sequence[ShardValues], computed: int) -> Measured:
        point = stage.points[0].planned
        assert point is not None
        loaded = self._points.loaded
        ids = loaded.dataset(point.point.dataset).image_ids
        selected = [ids[index] for index in point.point.selection(loaded)]
        if not stage.confirming:
            estimates = [each.estimate(found, selected) for each in self.objectives]
        else:
            unseen = selected[self.terms.images[-1] :]
            at = self.trials.timesteps(stage.trial.number)
            estimates = [each.estimate(found, unseen, when) for each, when in zip(self.objectives, at, strict=True)]
        return Measured(stage.images, stage.identities, estimates, computed)

    def _computed(self, metadata: Mapping[str, str], point: SweepPoint, stage: Stage) -> int:
        """Images times timesteps, t = 0 included, that were computed for a point."""
        if point.number in stage.there:
            return 0
        return (stage.images - shards.taken_images(metadata)) * (self._first.settings.timesteps + 1)


def _read(point: SweepPoint) -> shards.Shard:
    assert point.planned is not None
    return shards.read(point.planned.shard)
