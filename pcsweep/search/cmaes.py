"""CMA-ES (Hansen and Ostermeier, 2001), by the package cmaes, as a sampler that keeps nothing but the trials themselves.

Optuna's own keeps its state as a pickle in the storage, which whoever can write the file could make to run anything. This one
replays the generations from the finished trials, so that any command goes on where the search stands.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from cmaes import CMA
from optuna import Study
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import intersection_search_space
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

_SIGMA = 1 / 6  # of the first generation, in units of each range
_GENERATION = "pcsweep:generation"  # an attribute of the trials that it has chosen


class CmaEsSampler(BaseSampler):
    """The first trial is the middle of the ranges; a generation ends when as many trials of it are complete as it has members."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._independent = RandomSampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """All numbers that complete trials have in common."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return {name: each for name, each in intersection_search_space(finished).items() if isinstance(each, FloatDistribution)}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """A member of the generation that is not complete yet."""
        if not search_space:
            return {}
        names = sorted(search_space)
        low, high = (np.array([getattr(search_space[name], end) for name in names]) for end in ("low", "high"))
        optimizer, generation = self._replayed(study, names, low, high, trial.number)
        study._storage.set_trial_system_attr(trial._trial_id, _GENERATION, generation)
        chosen = low + optimizer.ask() * (high - low)
        return {name: float(value) for name, value in zip(names, np.clip(chosen, low, high), strict=True)}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Of trials before the first is complete, and of a single number."""
        if isinstance(param_distribution, FloatDistribution) and trial.number == 0:
            return (param_distribution.low + param_distribution.high) / 2
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def _replayed(self, study: Study, names: Sequence[str], low: np.ndarray, high: np.ndarray, number: int) -> tuple[CMA, int]:
        """The optimizer after all generations that are complete, drawing for the trial of this number; and which is the next."""
        size = len(names)
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        optimizer = CMA(np.full(size, 0.5), _SIGMA, bounds=np.array([[0.0, 1.0]] * size), seed=seed)
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        generation = 0
        complete = sorted(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)), key=lambda each: each.number)
        while True:
            own = [each for each in complete if each.system_attrs.get(_GENERATION) == generation]
            if len(own) < optimizer.population_size:
                return optimizer, generation
            places = [(np.array([each.params[name] for name in names]) - low) / (high - low) for each in own]
            told = [(place, sign * each.values[0]) for place, each in zip(places, own, strict=True)]
            optimizer.tell(told[: optimizer.population_size])
            generation += 1
