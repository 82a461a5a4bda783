"""What a search has found so far, read from its journal; nothing is changed."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.distributions import FloatDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState, create_trial

from pcsweep.search.estimate import Estimate
from pcsweep.search.storage import opened, quiet
from pcsweep.search.terms import Terms
from pcsweep.search.trials import COEFFICIENTS, CONFIRMED, RUNGS, SAMPLER, TERMS, WHY

State = Literal["complete", "pruned", "failed", "running"]
_STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "running",
}
_LEAST = 4  # complete trials without which nothing can be said of importance
_TREES = 8, 64  # of fANOVA, at least and at most
_WORK = 3200  # trees times trials, which takes some seconds


@dataclass(frozen=True)
class TrialRecord:
    """One trial.

    Args:
        number: in the search.
        state: `pruned` is one that stopped early, on few images.
        coefficients: what was searched, by dotted setting; empty of one that was killed before they were chosen.
        estimates: of each objective on the most images that it was measured on; empty where it was on none.
        images: how many these are.
        identities: of its points on them, one for each condition.
        started, ended: seconds since 1970; None where it has not.
        image_timesteps: that were computed for it, its confirmation included.
        confirmed: the estimates on images that the search has not seen, of the best trial.
        sampler: that chose it.
        why: it failed; empty where it did not.
    """

    number: int
    state: State
    coefficients: Mapping[str, float]
    estimates: tuple[Estimate, ...]
    images: int
    identities: tuple[str, ...]
    started: float | None
    ended: float | None
    image_timesteps: int
    confirmed: tuple[Estimate, ...]
    sampler: str
    why: str

    @property
    def values(self) -> tuple[float, ...]:
        """Of the objectives, on the most images that it was measured on."""
        return tuple(each.value for each in self.estimates)


@dataclass(frozen=True)
class SearchRecord:
    """A search.

    Args:
        terms: what it is about.
        directions: `maximize` or `minimize`, of each objective.
        trials: in the order in which they began.
        best: numbers of the best trial, or of those on the Pareto front.
    """

    terms: Terms
    directions: tuple[str, ...]
    trials: tuple[TrialRecord, ...]
    best: tuple[int, ...]

    @property
    def complete(self) -> list[TrialRecord]:
        """The trials that were measured on all images of the search."""
        return [each for each in self.trials if each.state == "complete"]

    @property
    def image_timesteps(self) -> int:
        """That were computed for all trials."""
        return sum(each.image_timesteps for each in self.trials)

    def importance(self, objective: int = 0) -> dict[str, float]:
        """How much of an objective's variance over the space each coefficient explains (fANOVA, Hutter et al., 2014).

        Sums to 1, most important first. Of the complete trials and the coefficients as they are. Empty where there are too few
        trials, or they do not differ.
        """
        trials = [each for each in self.complete if len(each.estimates) > objective]
        keys = [key for key in self.terms.space if len({each.coefficients.get(key) for each in trials}) > 1]
        values = [each.values[objective] for each in trials]
        if len(trials) < _LEAST or not keys or len(set(values)) < 2:
            return {}
        from optuna.importance import FanovaImportanceEvaluator, get_param_importances

        quiet()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            study = optuna.create_study()
            ranges = {
                key: FloatDistribution(*_range(self.terms.space[key], [t.coefficients[key] for t in trials])) for key in keys
            }
            for each, value in zip(trials, values, strict=True):
                study.add_trial(
                    create_trial(params={key: each.coefficients[key] for key in keys}, distributions=dict(ranges), value=value)
                )
            evaluator = FanovaImportanceEvaluator(n_trees=min(max(_WORK // len(trials), _TREES[0]), _TREES[1]), seed=0)
            found = get_param_importances(study, evaluator=evaluator)
        return {key: float(share) for key, share in sorted(found.items(), key=lambda pair: -pair[1])}


def _range(described: Sequence[Any], values: Sequence[float]) -> tuple[float, float]:
    """Of a coefficient; wider where the rounding of a value has left it."""
    return min(float(described[0]), *values), max(float(described[1]), *values)


def read(folder: Path) -> SearchRecord | None:
    """The search of the study in `folder`; None where it holds none.

    Raises:
        BadSetting: its journal cannot be read.
    """
    study = opened(folder)
    return None if study is None or TERMS not in study.user_attrs else record_of(study)


def record_of(study: optuna.Study) -> SearchRecord:
    """A search that is open, as it stands now."""
    terms = Terms.of(study.user_attrs[TERMS])
    noted = study.user_attrs
    trials = tuple(_record(each, noted.get(f"{CONFIRMED}:{each.number}", {})) for each in study.get_trials(deepcopy=False))
    complete = any(each.state == "complete" for each in trials)
    return SearchRecord(
        terms=terms,
        directions=tuple(each.name.lower() for each in study.directions),
        trials=trials,
        best=tuple(each.number for each in study.best_trials) if complete else (),
    )


def _record(trial: FrozenTrial, confirmed: Mapping[str, Any]) -> TrialRecord:
    rungs = trial.user_attrs.get(RUNGS, [])
    last = rungs[-1] if rungs else {}
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state],
        coefficients=trial.user_attrs.get(COEFFICIENTS, {}),
        estimates=_estimates(last),
        images=int(last.get("images", 0)),
        identities=tuple(last.get("identities", ())),
        started=trial.datetime_start.timestamp() if trial.datetime_start else None,
        ended=trial.datetime_complete.timestamp() if trial.datetime_complete else None,
        image_timesteps=sum(int(each["computed"]) for each in [*rungs, *([confirmed] if confirmed else [])]),
        confirmed=_estimates(confirmed),
        sampler=str(trial.user_attrs.get(SAMPLER, "")),
        why=str(trial.user_attrs.get(WHY, "")),
    )


def _estimates(noted: Mapping[str, Any]) -> tuple[Estimate, ...]:
    return tuple(map(Estimate.of, noted.get("estimates", ())))
