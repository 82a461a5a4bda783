"""A search, from its words to what it has found."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from pcsweep.config.errors import BadSetting, Unfinished
from pcsweep.console.progress import stage
from pcsweep.console.terminal import terminal
from pcsweep.console.text import number_of, words_for
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint
from pcsweep.machine.provenance import command
from pcsweep.pcoder.rule import keys_of
from pcsweep.search.objective import Objective, objective
from pcsweep.search.record import record_of
from pcsweep.search.settings import GROUP, SearchSettings, search_settings
from pcsweep.search.space import Network, Space, space_of
from pcsweep.search.terms import Terms
from pcsweep.search.told import sentences, shown_of
from pcsweep.search.trials import Trials
from pcsweep.study import failures
from pcsweep.study.axes import OF_IMAGES, leaves
from pcsweep.study.failures import failure_table
from pcsweep.study.identity import canonical
from pcsweep.study.tidying import tidy
from pcsweep.sweep.compose import Composition
from pcsweep.sweep.job import Session
from pcsweep.sweep.searching.asked import SearchWords, search_words
from pcsweep.sweep.searching.here import search_here
from pcsweep.sweep.searching.points import TrialPoints
from pcsweep.sweep.searching.queued import search_in_queue
from pcsweep.sweep.searching.search import Search
from pcsweep.sweep.searching.words import found_table, plan_lines
from pcsweep.sweep.settings import LauncherSettings

_log = logging.getLogger(__name__)
_PARALLEL_HERE, _PARALLEL_QUEUED = 4, 8  # trials under way at a time, of each worker and of a queue
_SHOWN = 10  # failures


@dataclass(frozen=True)
class _Prepared:
    """What follows from the words of a search before anything is computed."""

    settings: SearchSettings
    words: SearchWords
    space: Space
    terms: Terms
    first: GridPoint


def run_search(session: Session, overrides: Sequence[Override], given: Sequence[Override], settings: LauncherSettings) -> None:
    """Searches until as many trials as were asked for have ended, and says what has been found.

    Args:
        session: what all points share.
        overrides: the parameters of an experiment and then the words of the command.
        given: the words of the command alone.
        settings: of the launcher.

    Raises:
        BadSetting: a word is wrong, the search there is about something else, or the queue refuses all tasks.
        Unfinished: too many trials have failed.
    """
    loader = session.context.config_loader
    with stage("checking model, images and weights"):
        points = TrialPoints(Composition(loader, session.config), Loaded(), not settings.chosen.detached)
        prepared = _prepared(session.config, points, search_words(loader, session.config, overrides, given))
    own, first = prepared.settings, prepared.first
    console = terminal(130)
    for line in plan_lines(prepared.terms, prepared.space, own.trials, own.sampler, first.settings.timesteps):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if settings.dry_run:
        console.print("Dry run: nothing is computed.")
        return
    objectives = [_objective(words, first) for words in own.objective]
    tidy(first.settings.folder)
    trials = Trials(first.settings.folder, prepared.terms, own, prepared.space, objectives)
    points = replace(points, counts=(*prepared.terms.images, prepared.terms.total))
    search = Search(trials, points, prepared.terms, prepared.space, objectives, prepared.words.conditions)
    if settings.chosen.detached:
        search_in_queue(session, search, settings, _PARALLEL_QUEUED if own.parallel == "auto" else own.parallel)
    else:
        workers = 1 if settings.workers == "auto" else settings.workers
        parallel = _PARALLEL_HERE * workers if own.parallel == "auto" else own.parallel
        search_here(session, search, settings, parallel, points.loaded)
    _conclude(search)


def _prepared(config: DictConfig, points: TrialPoints, words: SearchWords) -> _Prepared:
    """What follows from the words, all of them checked.

    Raises:
        BadSetting: one is wrong.
    """
    plain = OmegaConf.to_container(config[GROUP], resolve=True)
    assert isinstance(plain, dict)
    settings = search_settings({str(key): value for key, value in plain.items()})
    each = [points.grid_point(condition) for condition in words.conditions]
    first = each[0]
    _check_alike(each)
    columns = zip(keys_of(first.rule), zip(*first.asked, strict=True), strict=True)
    network = Network(first.rule, first.active, dict(columns))
    space = space_of(words.searched, network, settings.per_pcoder, settings.resolution)
    total = len(first.selection(points.loaded))
    searched = {key.rpartition(".")[0] if key.rpartition(".")[2].isdecimal() else key for key in space.described}
    terms = Terms(
        objectives=tuple(_objective(word, first).words for word in settings.objective),
        space=space.described,
        conditions=words.labels,
        settings=tuple(_settings(point, points.loaded, searched) for point in each),
        images=_images(settings, total),
        total=total,
        keep=settings.keep,
    )
    return _Prepared(settings, words, space, terms, first)


def _objective(words: str, point: GridPoint) -> Objective:
    own = point.settings
    return objective(words, own.timesteps, own.metrics, own.thresholds)


def _images(settings: SearchSettings, total: int) -> tuple[int, ...]:
    """On how many images a trial is measured first, then, …; on half of them where nothing is asked for: the others confirm."""
    images = settings.images or (max(1, total // 2),)
    if images[-1] > total:
        raise BadSetting(f"Expected `search.images` to be at most the {total} images that are selected, but got {images[-1]}.")
    return images


def _settings(point: GridPoint, loaded: Loaded, searched: set[str]) -> dict[str, object]:
    """What decides numbers, without what is searched and which images are taken."""
    flat = leaves(canonical(point.decisive(loaded)))
    return {key: value for key, value in flat.items() if key not in searched and key not in OF_IMAGES}


def _check_alike(points: Sequence[GridPoint]) -> None:
    """Refuses conditions of which a mean over images would be none.

    Raises:
        BadSetting: names what differs.
    """
    first = points[0]
    settings = [point.settings for point in points]
    same: dict[str, list[Any]] = {
        "dataset": [(point.dataset, point.limit, point.settings.seed) for point in points],
        "timesteps and metrics": [(each.timesteps, each.metrics, each.thresholds) for each in settings],
        "study": [each.folder for each in settings],
        "update rule": [(point.rule, len(point.asked)) for point in points],
        "pcoder.active": [point.active for point in points],
    }
    for name, what in same.items():
        if any(each != what[0] for each in what):
            raise BadSetting(
                f"Expected one {name} under all conditions of a search, of which every trial is a mean, but they differ in it; "
                f"give one value, or search each with its own study=NAME (now {first.settings.study})."
            )


def _conclude(search: Search) -> None:
    """Says what has been found.

    Raises:
        Unfinished: too many trials have failed, or none is complete.
    """
    record = record_of(search.trials.study)
    console = terminal(130)
    if found := shown_of(record):
        console.print(found_table(record))
        for line in sentences(found):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    failed = [each for each in record.trials if each.state == "failed"]
    noted = list(failures.read_all(search.folder).values())
    if failed and noted:
        terminal(stderr=True, highlight=True).print(failure_table(noted[:_SHOWN]))
    if not search.stopped and not record.complete:
        raise Unfinished(
            "No trial was measured on all images, for those that might have been have failed. To go on with more: "
            f"search.trials={2 * search.trials.wanted}."
        )
    if search.stopped:
        raise Unfinished(
            f"{number_of(len(failed), 'trial')} of {len(record.trials)} failed, so the search has stopped; all others are kept. "
            f"Once the cause is mended, this goes on:\n  {command()}"
        )
    _log.info("For tables, figures and a page:  python -m pcsweep.report %s", words_for(search.folder))
