"""The trials of a search: asked for, measured on more and more images, and told; shared by all commands that join it.

Whatever moment a command is killed at, its trials stay in the journal with what names their points, and the next command goes on
with them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState, create_trial

from pcsweep.machine.processes import ended, this_process
from pcsweep.search.estimate import Estimate
from pcsweep.search.objective import Objective
from pcsweep.search.samplers import pruner, sampler, step
from pcsweep.search.settings import SearchSettings
from pcsweep.search.space import Space
from pcsweep.search.storage import opened
from pcsweep.search.terms import Terms

# Names of attributes.
BY, SAMPLER, COEFFICIENTS, RUNGS, CONFIRMED, WHY = "by", "sampler", "coefficients", "rungs", "confirmed", "why"  # of a trial
TERMS = "terms"  # of the search


@dataclass(frozen=True)
class TrialUnderWay:
    """A trial that is to be measured.

    Args:
        number: in the search.
        trial_id: in the storage.
        coefficients: by key.
        rung: which of the numbers of images it is measured on next.
    """

    number: int
    trial_id: int
    coefficients: Mapping[str, float]
    rung: int = 0


@dataclass(frozen=True)
class Measured:
    """What came of a trial on one number of images.

    Args:
        images: how many.
        identities: of its points, one for each condition.
        estimates: of each objective.
        computed: images times timesteps of all points that no earlier point had.
    """

    images: int
    identities: Sequence[str]
    estimates: Sequence[Estimate]
    computed: int

    def plain(self) -> dict[str, Any]:
        """As the journal keeps it."""
        return {
            "images": self.images,
            "identities": list(self.identities),
            "estimates": [each.described() for each in self.estimates],
            "computed": self.computed,
        }


class Trials:
    """Those of one search, as one command sees and makes them."""

    def __init__(
        self, folder: Path, terms: Terms, settings: SearchSettings, space: Space, objectives: Sequence[Objective]
    ) -> None:
        """Joins the search of the study in `folder`, or begins it.

        Raises:
            BadSetting: the search there is about something else, or cannot be read.
        """
        study = opened(folder, [each.direction for each in objectives])
        assert study is not None  # it is made where there is none
        self._study, self._settings, self._space, self._terms = study, settings, space, terms
        if there := study.user_attrs.get(TERMS):
            terms.check_same(Terms.of(there), folder.name)
        else:
            study.set_user_attr(TERMS, terms.plain())
        study.pruner = pruner(settings, len(terms.images))

    @property
    def study(self) -> optuna.Study:
        """Optuna's."""
        return self._study

    @property
    def wanted(self) -> int:
        """How many the search shall have, of all commands."""
        return max(self._settings.trials, self.begun())

    def begun(self) -> int:
        """How many there are, of all commands, without those that have failed."""
        return sum(each.state != TrialState.FAIL for each in self._study.get_trials(deepcopy=False))

    def ended(self) -> int:
        """How many of them have ended."""
        return sum(each.state in (TrialState.COMPLETE, TrialState.PRUNED) for each in self._study.get_trials(deepcopy=False))

    def failed(self) -> int:
        """How many others have failed."""
        return len(self._study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))

    def others(self) -> int:
        """How many are under way in other commands that live."""
        return sum(each.user_attrs.get(BY) != this_process().tag for each in self._running())

    def ask(self) -> TrialUnderWay | None:
        """A new trial; None where there are as many as were asked for."""
        if self.begun() >= self._settings.trials:
            return None
        said = f"{self._settings.sampler} (seed {self._settings.seed})"
        new = create_trial(state=TrialState.RUNNING, user_attrs={BY: this_process().tag, SAMPLER: said})
        storage = self._study._storage
        return self._chosen(storage.get_trial(storage.create_new_trial(self._study._study_id, new)))

    def adopt(self, is_alive: Callable[[str], bool | None]) -> list[TrialUnderWay]:
        """The trials that dead commands have left, which this command goes on with.

        Args:
            is_alive: whether the command of that process lives, where this machine cannot know it; None: it cannot be told.
        """
        found = []
        for each in self._running():
            tag = str(each.user_attrs.get(BY, ""))
            over = ended(tag)
            if over or (over is None and is_alive(tag) is False):
                self._study._storage.set_trial_user_attr(each._trial_id, BY, this_process().tag)
                found.append(self._chosen(each))
        return found

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _chosen(self, trial: FrozenTrial) -> TrialUnderWay:
        """With its coefficients: those that were chosen before stay, whatever else the sampler would choose now."""
        self._study.sampler = sampler(self._settings.sampler, self._settings.seed, trial.number)
        asked = optuna.Trial(self._study, trial._trial_id)
        chosen = {each.parameter: asked.suggest_float(each.parameter, *each.range) for each in self._space.searched}
        coefficients = self._space.coefficients(chosen)
        asked.set_user_attr(COEFFICIENTS, coefficients)
        rungs = trial.user_attrs.get(RUNGS, [])
        return TrialUnderWay(trial.number, trial._trial_id, coefficients, min(len(rungs), len(self._terms.images) - 1))

    def tell(self, trial: TrialUnderWay, measured: Measured) -> TrialUnderWay | None:
        """Notes what came of a trial; the trial as it goes on on more images, None where it has ended."""
        storage = self._study._storage
        values = [each.value for each in measured.estimates]
        try:
            self._note(trial, measured)
            if any(value != value for value in values):
                self.fail(trial, "an objective is undefined")
                return None
            if len(values) == 1 and trial.rung + 1 < len(self._terms.images):
                storage.set_trial_intermediate_value(trial.trial_id, step(self._settings, trial.rung), values[0])
                if not self._study.pruner.prune(self._study, storage.get_trial(trial.trial_id)):
                    return replace(trial, rung=trial.rung + 1)
                self._study.tell(trial.number, state=TrialState.PRUNED, skip_if_finished=True)
            else:
                self._study.tell(trial.number, values, skip_if_finished=True)
        except UpdateFinishedTrialError:  # by another command that took this one for dead
            pass
        return None

    def _note(self, trial: TrialUnderWay, measured: Measured) -> None:
        storage = self._study._storage
        known = list(storage.get_trial(trial.trial_id).user_attrs.get(RUNGS, []))
        storage.set_trial_user_attr(trial.trial_id, RUNGS, [*known[: trial.rung], measured.plain()])

    def fail(self, trial: TrialUnderWay, why: str) -> None:
        """Notes that a trial has no value."""
        try:
            self._study._storage.set_trial_user_attr(trial.trial_id, WHY, why)
            self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        except UpdateFinishedTrialError:
            pass

    def best(self) -> list[FrozenTrial]:
        """The best trial of those measured on all images of the search; for two objectives the Pareto front."""
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return list(self._study.best_trials) if complete else []

    def ended_trial(self, number: int) -> TrialUnderWay:
        """A trial that has ended, by its number."""
        trial = self._study.get_trials(deepcopy=False)[number]
        return TrialUnderWay(number, trial._trial_id, trial.user_attrs[COEFFICIENTS], len(self._terms.images) - 1)

    def timesteps(self, number: int) -> list[int | None]:
        """At which timestep each objective of a trial was taken on the most images that it was measured on."""
        last = self._study.get_trials(deepcopy=False)[number].user_attrs[RUNGS][-1]
        return [each["timestep"] for each in last["estimates"]]

    def is_confirmed(self, number: int) -> bool:
        """Whether images that the search has not seen have said something of a trial."""
        return f"{CONFIRMED}:{number}" in self._study.user_attrs

    def confirm(self, number: int, measured: Measured) -> None:
        """Notes what images that the search has not seen say of a trial; beside it, for a trial that has ended takes no note."""
        self._study.set_user_attr(f"{CONFIRMED}:{number}", measured.plain())
