"""What is said of a search: while it goes on, before it begins, and what it has found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.table import Table

from pcsweep.console.progress import progress
from pcsweep.console.text import number_of
from pcsweep.search.record import SearchRecord, record_of
from pcsweep.search.space import Space
from pcsweep.search.terms import Terms
from pcsweep.search.told import best_trials, coefficients_said, said
from pcsweep.sweep.searching.search import Search

_SHOWN = 5  # of the best trials


@contextmanager
def progress_of(search: Search) -> Iterator[Callable[[], None]]:
    """A bar of trials; gives what brings it up to date."""
    done = 0
    with progress("trials", search.trials.wanted, "trials") as advance:

        def update() -> None:
            nonlocal done
            now = search.trials.ended()
            advance(now - done, _described(search))
            done = now

        update()
        yield update


def _described(search: Search) -> str:
    """Such as `trials: best 0.0412 ± 0.006 (β=0.6 λ=0.2)`, for the bar."""
    record = record_of(search.trials.study)
    if not record.best:
        return "trials"
    best = record.trials[record.best[0]]
    more = f" and {len(record.best) - 1} more on the front" if len(record.best) > 1 else ""
    return f"trials: best {' and '.join(map(said, best.estimates))} ({coefficients_said(best.coefficients)}){more}"


def plan_lines(terms: Terms, space: Space, trials: int, sampler: str, timesteps: int) -> Iterator[str]:
    """What a search would do, before it does."""
    for each in space.searched:
        values = f"{len(each.values)} values" if each.values else f"to {each.resolution:g}"
        share = f", as a share of 1 - {' - '.join(each.with_)}" if each.with_ else ""
        yield f"searched: {each.key} from {each.low:g} to {each.high:g} ({values}){share}"
    yield f"objective: {' and '.join(terms.objectives)}" + (
        f", mean over {len(terms.conditions)} conditions: {'; '.join(terms.conditions)}" if len(terms.conditions) > 1 else ""
    )
    unseen = terms.total - terms.images[-1]
    yield f"images: {', then '.join(map(str, terms.images))} of {terms.total}" + (
        f"; the other {unseen} confirm the best" if unseen else "; none is left to confirm the best"
    )
    most = trials * terms.images[-1] * len(terms.conditions) * (timesteps + 1)
    least = trials * terms.images[0] * len(terms.conditions) * (timesteps + 1)
    yield (
        f"trials: {trials} by {sampler}, which take {least:,} image-timesteps if all stop early and {most:,} if none does"
        if len(terms.images) > 1
        else f"trials: {trials} by {sampler}, {most:,} image-timesteps"
    )


def found_table(record: SearchRecord) -> Table:
    """The best trials, best first; of two objectives the Pareto front."""
    title = (
        f"{'Pareto front of' if len(record.directions) > 1 else 'Best of'} {number_of(len(record.complete), 'complete trial')}"
    )
    table = Table(title=f"{title}, {number_of(len(record.trials), 'trial')} in all", title_justify="left", show_edge=False)
    for column in ("trial", "coefficients", *record.terms.objectives, "confirmed"):
        table.add_column(column, overflow="fold")
    for each in best_trials(record, _SHOWN):
        values = [said(estimate) for estimate in each.estimates]
        confirmed = ", ".join(map(said, each.confirmed)) or "-"
        table.add_row(str(each.number), coefficients_said(each.coefficients), *values, confirmed)
    return table
