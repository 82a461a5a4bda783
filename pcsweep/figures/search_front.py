"""Two objectives against each other, with the trials that no other beats in both."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pcsweep.figures.numbers import note
from pcsweep.figures.search_frame import BEST, COMPLETE, axis_label, framed, half, mark
from pcsweep.search.record import SearchRecord, TrialRecord
from pcsweep.search.told import SearchShown, best_trials

_APART = 0.06  # of the front's extent, between trials whose numbers are written


def front(search: SearchShown) -> Figure | None:
    """The complete trials; None of a search of one objective, or where none is complete."""
    record = search.record
    if len(record.directions) != 2 or not record.complete:
        return None
    figure = framed(search, 5.4, 4.6)
    panel = figure.subplots()
    others = [each for each in record.complete if each.number not in record.best]
    panel.scatter(
        [e.values[0] for e in others], [e.values[1] for e in others], s=10, color=COMPLETE, alpha=0.6, label="other trials"
    )
    best = best_trials(record, len(record.trials))
    for series, trials in (("other trials", others), ("Pareto front", best)):
        note(panel, (mark(record, each, number, series, each.estimates[number]) for each in trials for number in (0, 1)))
    _front(panel, record, best)
    panel.set_xlabel(axis_label(record, 0), fontsize=8)
    panel.set_ylabel(axis_label(record, 1), fontsize=8)
    panel.tick_params(labelsize=7)
    figure.legend(loc="outside lower center", ncols=1, fontsize=7, frameon=False)
    return figure


def _front(panel: Axes, record: SearchRecord, best: Sequence[TrialRecord]) -> None:
    x, y = ([each.values[number] for each in best] for number in (0, 1))
    errors = [[each.estimates[number].error for each in best] for number in (0, 1)]
    label = "Pareto front ± standard error, on the images by which it was chosen"
    panel.errorbar(
        x, y, xerr=errors[0], yerr=errors[1], fmt="o-", color=BEST, markersize=4, linewidth=1, elinewidth=0.6, label=label
    )
    for each in _apart(best):
        panel.annotate(str(each.number), (each.values[0], each.values[1]), xytext=(4, 4), textcoords="offset points", fontsize=6)
    confirmed = [each for each in best if len(each.confirmed) == 2]
    if confirmed:
        pairs = [each.confirmed for each in confirmed]
        unseen = "Pareto front on images that it was not chosen by"
        note(panel, (mark(record, each, number, unseen, each.confirmed[number]) for each in confirmed for number in (0, 1)))
        bars = [[half(pair[number]) for pair in pairs] for number in (0, 1)]
        panel.errorbar(
            [a.value for a, _ in pairs],
            [b.value for _, b in pairs],
            xerr=bars[0],
            yerr=bars[1],
            fmt="*",
            color="black",
            markersize=7,
            elinewidth=0.8,
            label="the same trials on images that they were not chosen by, 95 % interval",
        )


def _apart(best: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Those of the front, which is in order, that are far enough from the one before for both numbers to be read."""
    first, last = best[0], best[-1]
    found = [first]
    for each in best[1:]:
        steps = (abs(each.values[n] - found[-1].values[n]) / (abs(last.values[n] - first.values[n]) or 1.0) for n in (0, 1))
        if max(steps) > _APART:
            found.append(each)
    return found
