"""A search in words and as tables, for the terminal, the page and files: what was searched and found, and how far to trust it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean

from pcsweep.console.text import number_of
from pcsweep.search.estimate import Estimate
from pcsweep.search.record import SearchRecord, TrialRecord, read
from pcsweep.study.labels import SYMBOLS

_GAP = 0.25  # of a coefficient's range; a longer stretch without a trial is told
_NAMED = 6  # such stretches
_FEW = 10  # complete trials for each coefficient, below which importance says little
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class SearchShown:
    """A search, and how important its coefficients are to each objective, which takes a while to compute.

    Args:
        record: of the search.
        importance: by coefficient, the most important first; empty where nothing can be said.
    """

    record: SearchRecord
    importance: tuple[Mapping[str, float], ...]


def shown(folder: Path) -> SearchShown | None:
    """The search of the study in `folder`; None where it holds none of which a trial has been measured.

    Raises:
        BadSetting: its journal cannot be read.
    """
    record = read(folder)
    return None if record is None else shown_of(record)


def shown_of(record: SearchRecord) -> SearchShown | None:
    """A search with the importance of its coefficients; None of one of which no trial has been measured."""
    if not any(each.estimates for each in record.trials):
        return None
    return SearchShown(record, tuple(record.importance(number) for number in range(len(record.directions))))


def symbol(key: str) -> str:
    """A searched setting as a label has it: β, of the second pcoder β₂; another one as it is typed."""
    name, _, place = key.removeprefix("pcoder.").partition(".")
    if key.startswith("pcoder.") and name in SYMBOLS:
        return SYMBOLS[name] + (str(int(place) + 1).translate(_LOWERED) if place.isdecimal() else "")
    return SYMBOLS["sigma"] if key == "noise.sigma" else key


def said(estimate: Estimate) -> str:
    """With its standard error."""
    return f"{estimate.value:.4g} ± {estimate.error:.2g}"


def coefficients_said(coefficients: Mapping[str, float]) -> str:
    """Such as `beta=0.6 lambda=0.2`; of each pcoder such as `beta=[0.6 0.4]`, where it is known."""
    levels: dict[str, list[str]] = {}
    words = []
    for key, value in coefficients.items():
        name, _, place = key.removeprefix("pcoder.").partition(".")
        if place.isdecimal():
            levels.setdefault(name, []).append(f"{value:.3g}")
        else:
            words.append(f"{key.removeprefix('pcoder.')}={value:.3g}")
    return " ".join([*words, *(f"{name}=[{' '.join(values)}]" for name, values in levels.items())])


def ranked(record: SearchRecord) -> list[TrialRecord]:
    """The complete trials by the first objective, best first."""
    sign = -1 if record.directions[0] == "maximize" else 1
    return sorted(record.complete, key=lambda each: (sign * each.values[0], each.number))


def best_trials(record: SearchRecord, most: int) -> list[TrialRecord]:
    """The best complete trials, best first; of two objectives the Pareto front."""
    if len(record.directions) > 1:
        front = [record.trials[number] for number in record.best]
        return sorted(front, key=lambda each: each.values[0], reverse=record.directions[0] == "maximize")
    return ranked(record)[:most]


def so_far(record: SearchRecord, objective: int) -> list[tuple[int, float]]:
    """The best value of the complete trials up to each of them, by the trial's number."""
    better = max if record.directions[objective] == "maximize" else min
    found: list[tuple[int, float]] = []
    for each in record.complete:
        found.append((each.number, better([each.values[objective], *(value for _, value in found[-1:])])))
    return found


def sentences(search: SearchShown) -> Iterator[str]:
    """What was searched and how, what is found, and what that is worth."""
    record = search.record
    yield _how_much(record)
    yield _unvisited(record)
    yield from _found(record)
    if record.complete:
        yield (
            "Tables of best cells, also where one half of the images confirms, are of images by which the search chose what to "
            "measure on all of them, and look better than they are. Only images that the search has not seen confirm."
        )
    yield from _important(search)


def _how_much(record: SearchRecord) -> str:
    rungs = record.terms.images
    early = [each for each in record.trials if each.state == "pruned"]
    told = [f"{len(record.complete)} measured on all {rungs[-1]} images of the search"]
    for images in dict.fromkeys(each.images for each in sorted(early, key=lambda each: each.images)):
        told.append(f"{sum(each.images == images for each in early)} stopped early on {images}")
    for state, words in (("failed", "failed"), ("running", "under way")):
        alike = sum(each.state == state for each in record.trials)
        told += [f"{alike} {words}"] if alike else []
    samplers = ", ".join(dict.fromkeys(each.sampler for each in record.trials if each.sampler))
    by = f", chosen by {samplers}" if samplers else ""
    count = number_of(len(record.trials), "trial")
    return f"Search: {count}{by}: {', '.join(told)}; {record.image_timesteps:,} image-timesteps in all."


def how_far(record: SearchRecord) -> Iterator[str]:
    """How many trials there are, and which is best so far."""
    yield _how_much(record)
    for each in [record.trials[number] for number in record.best][:1]:
        front = f", one of {len(record.best)} on the Pareto front" if len(record.best) > 1 else ""
        values = " and ".join(f"{words} {said(own)}" for words, own in zip(record.terms.objectives, each.estimates, strict=True))
        yield f"Best so far: trial {each.number} ({coefficients_said(each.coefficients)}), {values}{front}"


def _unvisited(record: SearchRecord) -> str:
    """Where along each coefficient there was no trial; of combinations nothing can be told but how few they are."""
    gaps = [gap for key in record.terms.space if (gap := _widest(record, key))]
    gaps.sort(key=lambda gap: -gap[0])
    count, coefficients = sum(bool(each.estimates) for each in record.trials), number_of(len(record.terms.space), "coefficient")
    few = f"{number_of(count, 'trial')} in a space of {coefficients}"
    if not gaps:
        return (
            f"Along each coefficient alone no stretch above a quarter of its range was left out; of combinations these are {few}."
        )
    named = "; ".join(f"{symbol(key)} between {low:.3g} and {high:.3g}" for _, key, low, high in gaps[:_NAMED])
    more = f"; and {len(gaps) - _NAMED} more" if len(gaps) > _NAMED else ""
    return f"Never tried: {named}{more}, whatever the others were. Of combinations these are {few}."


def _widest(record: SearchRecord, key: str) -> tuple[float, str, float, float] | None:
    """The widest stretch of a coefficient's range without a trial: its share, and where; None where there is none to tell of."""
    low, high, values = (*record.terms.space[key], None)[:3]
    low, high = float(low), float(high)
    if high <= low:
        return None
    tried = sorted(
        {low, high, *(each.coefficients[key] for each in record.trials if each.estimates and key in each.coefficients)}
    )
    start, end = max(pairwise(tried), key=lambda pair: pair[1] - pair[0])
    share = (end - start) / (high - low)
    least = max(_GAP, 1.5 / (values - 1)) if isinstance(values, int) and values > 1 else _GAP
    return (share, key, start, end) if share > least else None


def _found(record: SearchRecord) -> Iterator[str]:
    if not record.best:
        yield "No trial has been measured on all images of the search, so there is no best one."
        return
    count = len(record.complete)
    if len(record.best) > 1:
        yield from _front(record)
        return
    best = record.trials[record.best[0]]
    for words, chosen, confirmed in zip(record.terms.objectives, best.estimates, best.confirmed, strict=False):
        low, high = confirmed.interval
        yield (
            f"Trial {best.number} ({coefficients_said(best.coefficients)}): {words} is {said(chosen)} on the {_of(chosen, best)} "
            f"images by which it was chosen among {count}, too good by that choice; on {confirmed.images} images that the search "
            f"has not seen it is {confirmed.value:.3g}, 95 % interval {low:.3g} to {high:.3g}."
        )
    if not best.confirmed:
        values = " and ".join(map(said, best.estimates))
        yield (
            f"Not confirmed: {values} of trial {best.number} is the best of {count} on the images by which it was chosen, too "
            "good by that choice. A smaller last number of search.images leaves images that confirm it."
        )


def _of(estimate: Estimate, trial: TrialRecord) -> str:
    """How many images an estimate is of, and how many others have no defined value, which a search might make use of."""
    undefined = trial.images - estimate.images
    return f"{trial.images}" if not undefined else f"{estimate.images} (without {undefined} that are undefined)"


def _front(record: SearchRecord) -> Iterator[str]:
    """What became of the trials on the Pareto front, all together, on images that they were not chosen by."""
    front = [record.trials[number] for number in record.best]
    known = [each for each in front if len(each.confirmed) == len(record.directions)]
    choice = f"too good by the choice among {len(record.complete)}"
    if not known:
        yield f"The {len(front)} trials on the Pareto front are not confirmed, and {choice}."
        return
    means = [
        f"{words} {mean(each.values[number] for each in known):.3g} and "
        f"{mean(each.confirmed[number].value for each in known):.3g}"
        for number, words in enumerate(record.terms.objectives)
    ]
    images, unseen = known[0].images, known[0].confirmed[0].images
    yield (
        f"Means of {number_of(len(known), 'trial')} on the Pareto front, on the {images} images by which they were chosen, "
        f"{choice}, and on {unseen} images that the search has not seen: {'; '.join(means)}."
    )


def _important(search: SearchShown) -> Iterator[str]:
    record = search.record
    for words, shares in zip(record.terms.objectives, search.importance, strict=True):
        if len(shares) > 1:
            named = ", ".join(f"{symbol(key)} {share:.0%}" for key, share in list(shares.items())[:_NAMED])
            few = len(record.complete) < _FEW * len(shares)
            doubt = f" With {number_of(len(record.complete), 'complete trial')} that is a rough guess." if few else ""
            yield f"Of what {words} varies over the space as it was visited, coefficients explain (fANOVA): {named}.{doubt}"
