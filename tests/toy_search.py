"""Searches made by hand."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from toy_study import IMAGES, STEPS, put
from toy_study import settings as toy_settings

from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.search.estimate import Estimate
from pcsweep.search.objective import objective
from pcsweep.search.record import SearchRecord, TrialRecord, read
from pcsweep.search.settings import search_settings
from pcsweep.search.space import Asked, Network, space_of
from pcsweep.search.terms import Terms
from pcsweep.search.told import SearchShown
from pcsweep.search.trials import Measured, Trials

KEYS = ("pcoder.beta", "pcoder.lambda")
LEVELS = tuple(f"pcoder.{name}.{place}" for name in ("beta", "lambda") for place in range(8))


def estimate(value: float, images: int = 100) -> Estimate:
    return Estimate(value, 0.1 / images**0.5, images, 5)


def trial(number: int, coefficients: dict[str, float], values: Sequence[float], **changed: Any) -> TrialRecord:
    """A complete one on a hundred images."""
    images = changed.pop("images", 100)
    given = {
        "state": "complete",
        "identities": (f"{number:064x}",),
        "started": 1.0,
        "ended": 2.0,
        "image_timesteps": 6 * images,
        "confirmed": (),
        "sampler": "tpe (seed 0)",
        "why": "",
    }
    estimates = tuple(estimate(value, images) for value in values)
    return TrialRecord(number=number, coefficients=coefficients, estimates=estimates, images=images, **{**given, **changed})


def record(trials: Sequence[TrialRecord], best: Sequence[int], keys: Sequence[str] = KEYS, **changed: Any) -> SearchRecord:
    """A search for one objective, or two."""
    objectives = changed.pop("objectives", ("iou gain at t=T",))
    terms = Terms(
        objectives=objectives,
        space={key: [0.0, 1.0, None] for key in keys},
        conditions=("",),
        settings=({"model.name": "toy", "dataset.name": "shapes"},),
        images=changed.pop("images", (20, 50, 100)),
        total=150,
        keep=3,
    )
    directions = changed.pop("directions", ("maximize",) * len(objectives))
    return SearchRecord(terms, directions, tuple(trials), tuple(best))


def search(objectives: int = 1, keys: Sequence[str] = KEYS, trials: int = 30) -> SearchShown:
    """Of random trials, some of which stopped early; the best is confirmed."""
    drawn = random.Random(0)
    found = []
    for number in range(trials):
        coefficients = {key: drawn.random() for key in keys}
        values = [coefficients[keys[0]] * (1 - coefficients[keys[-1]]), drawn.random()][:objectives]
        early = {0: {}, 1: {"state": "pruned", "images": 20}, 2: {"state": "pruned", "images": 50}}[
            number % 3 if objectives == 1 else 0
        ]
        found.append(trial(number, coefficients, values, **early))
    complete = [each for each in found if each.state == "complete"]
    front = [
        each
        for each in complete
        if not any(all(b > a for a, b in zip(each.values, other.values, strict=True)) for other in complete)
    ]
    best = {each.number for each in front}
    found = [
        TrialRecord(**{**vars(each), "confirmed": tuple(estimate(value - 0.1, 50) for value in each.values)})
        if each.number in best
        else each
        for each in found
    ]
    whole = record(found, sorted(best), keys, objectives=("iou gain at t=T", "mass at t=T")[:objectives])
    return SearchShown(whole, tuple(whole.importance(number) for number in range(objectives)))


def put_search(folder: Path, trials: int = 8) -> SearchRecord:
    """A search of β and λ in the journal of a hand-made study, with a shard for each trial."""
    unit = Asked(0.0, 1.0)
    network = Network(RULE, (1, 2), {"beta": (1.0, 1.0), "lambda": (0.0, 0.0), "alpha": (0.0, 0.0)})
    space = space_of({key: unit for key in KEYS}, network, (), 0.001)
    settings = search_settings({"objective": ["iou gain at t=T"], "images": [IMAGES], "trials": trials})
    point = {"model.name": "toy", "dataset.name": "shapes"}
    terms = Terms(("iou gain at t=T",), space.described, ("",), (point,), (IMAGES,), 40, settings.keep)
    made = Trials(folder, terms, settings, space, [objective("iou gain at t=T", STEPS - 1, ("iou",), ())])
    while under_way := made.ask():
        beta, lambda_ = (under_way.coefficients[key] for key in KEYS)
        identity = put(folder, toy_settings(beta, lambda_)).stem
        value = lambda_ * (1 - beta)
        made.tell(under_way, Measured(IMAGES, [identity], [Estimate(value, 0.01, IMAGES, STEPS - 1)], IMAGES * STEPS))
    found = read(folder)
    assert found is not None
    return found
