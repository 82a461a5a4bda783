"""The value of each trial in the order of their numbers, and the best so far."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pcsweep.figures.mosaic import WIDTH
from pcsweep.figures.numbers import note
from pcsweep.figures.search_frame import BEST, COMPLETE, EARLY, axis_label, framed, half, mark, mark_of
from pcsweep.search.record import SearchRecord, TrialRecord
from pcsweep.search.told import SearchShown, so_far

_LARGE = 120  # trials; of more, standard errors would cover each other


def history(search: SearchShown) -> Figure:
    """A panel per objective; trials that stopped early are marked by how many images they were measured on."""
    record = search.record
    count = len(record.directions)
    figure = framed(search, WIDTH, 1.2 + 2.4 * count)
    panels = figure.subplots(count, 1, squeeze=False, sharex=True)[:, 0]
    for number, panel in enumerate(panels):
        _panel(panel, record, number)
        panel.set_ylabel(axis_label(record, number), fontsize=7)
        panel.tick_params(labelsize=7)
    panels[-1].set_xlabel("trial", fontsize=8)
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(handles)), fontsize=7, frameon=False)
    return figure


def _panel(panel: Axes, record: SearchRecord, objective: int) -> None:
    early = [each for each in record.trials if each.state == "pruned" and len(each.estimates) > objective]
    for images in dict.fromkeys(each.images for each in sorted(early, key=lambda each: each.images)):
        alike = [each for each in early if each.images == images]
        x, y = _places(alike, objective)
        panel.scatter(
            x,
            y,
            s=14,
            marker=mark_of(record, alike[0]),
            facecolors="none",
            edgecolors=EARLY,
            linewidths=0.7,
            label=f"stopped on {images} images",
        )
        note(panel, (mark(record, each, objective, f"stopped on {images} images", each.estimates[objective]) for each in alike))
    complete = [each for each in record.complete if len(each.estimates) > objective]
    x, y = _places(complete, objective)
    errors = [each.estimates[objective].error for each in complete] if len(complete) <= _LARGE else None
    label = f"on all {record.terms.images[-1]} images" + (" ± standard error" if errors else "")
    panel.errorbar(x, y, yerr=errors, fmt="o", color=COMPLETE, markersize=3, elinewidth=0.6, label=label)
    note(panel, (mark(record, each, objective, label, each.estimates[objective]) for each in complete))
    if best := so_far(record, objective):
        numbers, highest = zip(*best, strict=True)
        panel.step(
            [*numbers, len(record.trials) - 1],
            [*highest, highest[-1]],
            where="post",
            color=COMPLETE,
            linewidth=1,
            label="best so far",
        )
    confirmed = [each for each in record.trials if len(each.confirmed) > objective]
    if confirmed:
        values = [each.confirmed[objective].value for each in confirmed]
        bars = [half(each.confirmed[objective]) for each in confirmed]
        label = "on images that it was not chosen by, 95 % interval"
        note(panel, (mark(record, each, objective, label, each.confirmed[objective]) for each in confirmed))
        panel.errorbar(
            [each.number for each in confirmed],
            values,
            yerr=bars,
            fmt="*",
            color=BEST,
            markersize=8,
            elinewidth=1,
            capsize=2,
            label=label,
            zorder=4,
        )


def _places(trials: Sequence[TrialRecord], objective: int) -> tuple[list[int], list[float]]:
    return [each.number for each in trials], [each.values[objective] for each in trials]
