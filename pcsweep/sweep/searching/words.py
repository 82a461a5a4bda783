"""What is said of a search: while it goes on, before it begins, and what it has found."""

from collections.abc import Iterator

from rich.table import Table

from pcsweep.console.text import number_of
from pcsweep.search.record import SearchRecord, read
from pcsweep.search.space import Space
from pcsweep.search.terms import Terms
from pcsweep.search.told import coefficients_said, ranked, said
from pcsweep.sweep.searching.search import Search

_SHOWN = 5  # of the best trials


def described(search: Search) -> str:
    """Such as `trials: best 0.0412 ± 0.006 (β=0.6 λ=0.2)`, for the bar."""
    record = read(search.folder)
    if record is None or not record.best:
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
    front = len(record.directions) > 1
    chosen = [record.trials[number] for number in record.best] if front else ranked(record)[:_SHOWN]
    title = f"{'Pareto front of' if front else 'Best of'} {number_of(len(record.complete), 'complete trial')}"
    table = Table(title=f"{title}, {number_of(len(record.trials), 'trial')} in all", title_justify="left", show_edge=False)
    for column in ("trial", "coefficients", *record.terms.objectives, "confirmed"):
        table.add_column(column, overflow="fold")
    for each in chosen:
        values = [said(estimate) for estimate in each.estimates]
        table.add_row(
            str(each.number), coefficients_said(each.coefficients), *values, ", ".join(map(said, each.confirmed)) or "-"
        )
    return table


def found_lines(record: SearchRecord) -> Iterator[str]:
    """What the search has found, in sentences."""
    early = sum(each.state == "pruned" for each in record.trials)
    failed = sum(each.state == "failed" for each in record.trials)
    yield (
        f"{number_of(len(record.trials), 'trial')} took {record.image_timesteps:,} image-timesteps; {early} stopped early"
        + (f", {failed} failed" if failed else "")
        + "."
    )
    for number in record.best:
        best = record.trials[number]
        for words, chosen, confirmed in zip(record.terms.objectives, best.estimates, best.confirmed, strict=False):
            low, high = confirmed.interval
            yield (
                f"Trial {number} ({coefficients_said(best.coefficients)}): {words} is {chosen.value:.4g} on the {best.images} "
                "images by which it was chosen, and therefore too high there; on "
                f"{confirmed.images} others it is {confirmed.value:.4g} [{low:.4g}, {high:.4g}]."
            )
    if record.best and not record.trials[record.best[0]].confirmed:
        yield "Not confirmed: the search has seen all images. search.images with a smaller last number leaves some."
