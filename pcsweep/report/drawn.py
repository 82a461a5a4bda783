"""What the page's script draws: numbers and texts for JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pcsweep.aggregate.best import Headline, where
from pcsweep.aggregate.layers import shown_layers
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.sanity import BOUND
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.console.text import words_for
from pcsweep.figures.layers import LayersOverTime
from pcsweep.report.best_cells import BestCells
from pcsweep.report.breakdown import Images, by_class, by_size
from pcsweep.report.numbers import numbers
from pcsweep.report.sanity import panels
from pcsweep.report.search import search_drawn
from pcsweep.report.sentences import about
from pcsweep.report.side_by_side import rule_panels
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import Row, axis_label, condition_text, text_of
from pcsweep.study.variants import with_rule_label


def drawn(
    folder: Path, result: Aggregate, options: AggregateOptions, cells: Sequence[Row], best: BestCells, answered: Row | None
) -> dict[str, Any]:
    """The data of the heatmap and the plots.

    Args:
        folder: of the study.
        result: its aggregate.
        options: that it was aggregated with.
        cells: a row of each cell.
        best: its best cells.
        answered: the row that the page's answer is about, which is shown first.
    """
    return {
        "study": options.study,
        "metric": options.metric,
        "about": about(cells, result.unit, result.split),
        "command": f"python -m pcsweep.show {words_for(folder)}",
        "commands": result.gaps.commands,
        "shown": {name: answered[name] for name in ("identity", "timestep")} if answered else None,
        "start": _first_shown(best.headlines, answered),
        "grid": numbers(result.table, result.gaps.skipped, result.gaps.missing, result.facets, options.metric),
        "headlines": [_best_cell(*pair, options) for pair in zip(best.headlines, best.images, strict=True)],
        "sanity": panels(result.sanity),
        "bound": BOUND,
        "layers": [_layers(each) for each in shown_layers(result, options.metric)],
        "rules": rule_panels(result.contrast),
        "search": search_drawn(result.search, cells),
        "pcoders": _series(best.by_pcoder, "pcoder"),
        **_trend(best.headlines),
    }


def _first_shown(best: Sequence[Headline], answered: Row | None) -> int:
    """The place of the first best cell in the group of the answer's."""
    if not answered:
        return 0
    alike = (place for place, each in enumerate(best) if all(answered[name] == value for name, value in each.group.items()))
    return next(alike, 0)


def _best_cell(headline: Headline, of_cell: Images, options: AggregateOptions) -> dict[str, Any]:
    """What is shown of a best cell: its gains by class and by size of the object."""
    drawing = (options.resamples, options.seed)
    return {
        "label": f"{where(headline)}: {headline}",
        "identity": headline.row["identity"],
        "timestep": headline.row["timestep"],
        "classes": [part.as_json() for part in by_class(of_cell, *drawing)],
        "sizes": [part.as_json() for part in by_size(of_cell, *drawing)],
    }


def _layers(found: LayersOverTime) -> dict[str, Any]:
    """A cell at every pcoder; null where undefined."""
    told = {"label": f"{found.where}: {found.cell}", "timesteps": found.timesteps}
    tables = {name: getattr(found, name) for name in ("mean", "gain", "low", "high")}
    return told | {
        name: [[None if value != value else round(value, 6) for value in row] for row in table.tolist()]
        for name, table in tables.items()
    }


def _trend(best: Sequence[Headline]) -> dict[str, Any]:
    """Best cells over what varies in numbers of the noise: σ, or another setting such as `noise.share`."""
    levels = [name for name in ("sigma", *(best[0].group if best else ())) if _is_level(best, name)]
    across = levels[0] if levels else "sigma"
    label = "noise σ" if across == "sigma" else f"noise {axis_label(across)}"
    plots = {"trend": "", "trendConfirmed": "confirming_"}
    return {**{name: _series(best, across, of) if levels else [] for name, of in plots.items()}, "trendAxis": label}


def _is_level(best: Sequence[Headline], name: str) -> bool:
    """Whether a column of the groups says how much noise there is, at several levels."""
    values = {headline.group[name] for headline in best} - {None}
    numbers = all(isinstance(value, int | float) for value in values)
    return is_noise(name) and numbers and len(values) > 1


def _series(found: Sequence[Headline], across: str, of: str = "") -> list[dict[str, Any]]:
    """The normalised metric with its interval over the values of a column, in a series for each value of the other columns.

    Args:
        found: the best cells.
        across: the column.
        of: what the metric's columns begin with: those of all images; or those of the half of them that confirms what the other
            half chose.
    """
    series: dict[str, dict[str, Any]] = {}
    for headline in (each for each in found if each.row[across] is not None):
        row = headline.choice if of else headline.row
        rest = {name: value for name, value in with_rule_label(headline.group).items() if name != across}
        name = ", ".join(f"{axis_label(key)} = {'none' if value is None else text_of(value)}" for key, value in rest.items())
        name = condition_text(rest.items()) if "noise" in rest else name
        one = series.setdefault(name, {"name": name, "x": [], "y": [], "low": [], "high": []})
        one["x"].append(headline.row[across])
        for key, end in (("y", ""), ("low", "_low"), ("high", "_high")):
            one[key].append(_or_none(row[f"{of}normalized{end}"]) if row else None)
    return list(series.values())


def _or_none(value: float) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value != value else value
