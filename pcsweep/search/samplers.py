"""Samplers: Optuna's, each made anew for every trial, so that what it draws follows from the seed, the trial and those before."""

import warnings
from collections.abc import Callable

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler

from pcsweep.search.cmaes import CmaEsSampler
from pcsweep.search.settings import Sampler, SearchSettings

_STARTUP = 10  # trials at random before a sampler learns from them


def sampler(name: Sampler, seed: int, trial: int) -> BaseSampler:
    """The sampler that chooses the trial of this number."""
    drawn = int(np.random.SeedSequence([seed, trial]).generate_state(1)[0])
    makers: dict[Sampler, Callable[[], BaseSampler]] = {
        "tpe": lambda: TPESampler(seed=drawn, multivariate=True, constant_liar=True, n_startup_trials=_STARTUP),
        "gp": lambda: GPSampler(seed=drawn, n_startup_trials=_STARTUP),
        "cmaes": lambda: CmaEsSampler(seed),
        "random": lambda: RandomSampler(seed=drawn),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return makers[name]()


def pruner(settings: SearchSettings, rungs: int) -> BasePruner:
    """Which trials stop before they are measured on all images: asynchronous successive halving (Li et al., 2020)."""
    if rungs == 1:
        return NopPruner()
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=settings.keep)


def step(settings: SearchSettings, rung: int) -> int:
    """What Optuna calls the rung of this number: successive halving counts in powers."""
    return int(settings.keep**rung)
