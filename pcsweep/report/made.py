"""A study's page, made: aggregated, saved, and written."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from pcsweep.aggregate.result import NoShards
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.saved import save
from pcsweep.aggregate.terminal import tell
from pcsweep.aggregate.words import AggregateOptions, check_metric, metric_shown
from pcsweep.console.progress import stage
from pcsweep.report.contents import Contents, contents
from pcsweep.report.nothing import nothing
from pcsweep.report.page import write, write_nothing
from pcsweep.report.progress import Progress
from pcsweep.study.labels import POOLED


@dataclass(frozen=True)
class Wanted:
    """A page.

    Args:
        folder: of the study.
        to: folder of the results.
        options: of the aggregation.
        pictured: of how many images of either kind the galleries are.
        extensions: modules of the study's author that may be imported for them.
    """

    folder: Path
    to: Path
    options: AggregateOptions
    pictured: int
    extensions: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Of the page."""
        return self.to / "report.html"


def make(wanted: Wanted, progress: Progress | None, console: Console | None = None) -> Contents:
    """Writes tables, pictures and page of what there is, and gives what the page says.

    Args:
        wanted: which.
        progress: how far the study is, if it is not complete.
        console: where it is said what aggregation says, if it is to be said.

    Raises:
        NoShards: nothing can be aggregated; of a study whose points failed there is a page all the same.
        BadSetting: the study cannot be aggregated as is wanted.
    """
    folder, options = wanted.folder, wanted.options
    try:
        result = aggregate(folder, options.resamples, options.permutations, options.seed, options.metric, options.where)
    except NoShards as error:
        if not (failed := nothing(folder, progress)):
            raise
        write_nothing(failed, wanted.path)
        raise NoShards(f"{error} Report: {wanted.path}") from None
    check_metric(result, options.metric, without=POOLED)
    options = replace(options, metric=metric_shown(result, options.metric))
    pictures = save(result, folder, options.metric, wanted.to)
    if console:
        tell(result, pictures, console, options.metric)
    with stage("the page"):
        made = contents(folder, result, options, wanted.pictured, wanted.extensions, progress)
        write(made, wanted.path)
    return made
