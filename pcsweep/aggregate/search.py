"""What is told of a study's search: its best trials as a table, and what that is worth; and what of it is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from pcsweep.console.exit import say
from pcsweep.console.progress import stage
from pcsweep.search.place import journal
from pcsweep.study.spreadsheet import write_both

if TYPE_CHECKING:
    from rich.console import Console

    from pcsweep.search.record import SearchRecord, TrialRecord
    from pcsweep.search.told import SearchShown

SHOWN = 10  # trials
_NOT = "no"


def search_of(folder: Path) -> "SearchShown | None":
    """The search that a study holds, if it holds one; what reads it is slow to import."""
    if not journal(folder).exists():
        return None
    from pcsweep.search.told import shown

    with stage("importance of coefficients"):
        return shown(folder)


def save(search: "SearchShown", to: Path) -> list[Path]:
    """Writes `search`, a row for each trial, and `search_importance`, both as Parquet and CSV, and the figures; their paths."""
    from pcsweep.figures.search import draw_search
    from pcsweep.search.table import importance_table, trial_table

    write_both(trial_table(search.record), to / "search")
    write_both(importance_table(search), to / "search_importance")
    return draw_search(search, to / "figures")


def tell(search: "SearchShown", console: "Console") -> None:
    """Says what was searched, what is best, and what that is worth."""
    from pcsweep.search.told import sentences

    if search.record.best:
        console.print(_table(search.record))
    for line in sentences(search):
        say(console, line)


def title_of(record: "SearchRecord") -> str:
    """What the table of trials shows."""
    objectives = record.terms.objectives
    if len(objectives) == 1:
        return f"Best trials of the search for {objectives[0]}"
    return f"Pareto front of the search for {'; '.join(f'{number}: {words}' for number, words in enumerate(objectives, start=1))}"


def columns_of(record: "SearchRecord") -> list[str]:
    """Headings: of each objective the value with its standard error, and what images say that the search has not seen."""
    numbers = [f" {number}" for number in range(1, len(record.directions) + 1)] if len(record.directions) > 1 else [""]
    values = [f"{name}{number}" for number in numbers for name in ("value", "t")]
    return ["trial", "coefficients", *values, "images", *(f"confirmed{number} [95 %]" for number in numbers)]


def rows_of(record: "SearchRecord", most: int = SHOWN) -> Iterator[list[str]]:
    """The best complete trials, best first; of two objectives the Pareto front."""
    from pcsweep.search.told import best_trials, coefficients_said, said

    for each in best_trials(record, most):
        values = [text for estimate in each.estimates for text in (said(estimate), _timestep(estimate.timestep))]
        yield [str(each.number), coefficients_said(each.coefficients), *values, str(each.images), *_confirmed(record, each)]


def _timestep(timestep: int | None) -> str:
    return "all" if timestep is None else str(timestep)


def _confirmed(record: "SearchRecord", trial: "TrialRecord") -> Iterator[str]:
    for number in range(len(record.directions)):
        if number >= len(trial.confirmed):
            yield _NOT
            continue
        found = trial.confirmed[number]
        low, high = found.interval
        yield f"{found.value:.3g} [{low:.3g}, {high:.3g}] on {found.images}"


def _table(record: "SearchRecord") -> Table:
    table = Table(title=title_of(record), title_justify="left")
    for name in columns_of(record):
        table.add_column(name, overflow="fold")
    for row in rows_of(record):
        table.add_row(*row)
    return table
