"""The section of the page about networks drawn anew: its table, and what its script draws."""

from typing import Any

import pyarrow as pa

from pcsweep.aggregate.sanity_words import columns_of, findings, places, rows_of
from pcsweep.report.tables import Table
from pcsweep.study.axes import RANDOMIZED, RANDOMIZED_SEED, key
from pcsweep.study.conditions import is_noise
from pcsweep.study.labels import Row, axis_text, text_of

_CURVES = {"rho": "rank_correlation", "iou": "iou"}


def sanity_table(table: pa.Table | None) -> Table:
    """A row for each attribution, noise and shown timestep; none where nothing is drawn anew."""
    found = findings(table) if table is not None else []
    return Table(columns_of(found), rows_of(found)) if found else Table([], [])


def panels(table: pa.Table | None) -> list[dict[str, Any]]:
    """For each noise, at t = 0 and at the last timestep, the curves of every attribution over what is drawn anew."""
    if table is None:
        return []
    names, rows = places(table), table.to_pylist()
    noises = [name for name in names if is_noise(name)]
    others = [name for name in names if name not in noises]
    found: dict[str, dict[str, Any]] = {}
    for timestep in sorted({0, max(row["timestep"] for row in rows)}):
        for row in (row for row in rows if row["timestep"] == timestep):
            label = ", ".join([*(axis_text(name, row[name]) for name in noises), f"t = {timestep}"])
            panel = found.setdefault(label, {"label": label, "series": {}, "ticks": {}})
            panel["ticks"][row["depth"]] = row[RANDOMIZED]
            _add(panel["series"], row, others)
    return [_as_json(panel) for panel in found.values()]


def _add(series: dict[str, dict[str, Any]], row: Row, names: list[str]) -> None:
    """A row to the curve that it belongs to; the network as it is to those of all seeds of the draws."""
    seed = row[RANDOMIZED_SEED]
    place = {name: row[name] for name in names}
    words = [text_of(value) if name == "attribution.name" else axis_text(name, value) for name, value in place.items()]
    one = series.setdefault(
        key({**place, "seed": seed}), {"name": ", ".join(words) or "maps", "seed": seed, "place": key(place), "points": []}
    )
    ends = [(f"{name}{end}", f"{of}{end}") for name, of in _CURVES.items() for end in ("", "_low", "_high")]
    one["points"].append({"depth": row["depth"], **{name: _defined(row[of]) for name, of in ends}})


def _as_json(panel: dict[str, Any]) -> dict[str, Any]:
    series = list(panel["series"].values())
    curves = []
    for one in (each for each in series if any(point["depth"] for point in each["points"])):
        starts = [point for each in series if each["place"] == one["place"] for point in each["points"] if not point["depth"]]
        points = sorted([*starts, *(point for point in one["points"] if point["depth"])], key=lambda point: point["depth"])
        several = len({each["seed"] for each in series} - {None}) > 1
        name = f"{one['name']}, drawn by seed {one['seed']}" if several else one["name"]
        curves.append({"name": name, **{each: [point[each] for point in points] for each in points[0]}})
    ticks = dict(sorted(panel["ticks"].items()))
    return {"label": panel["label"], "depths": list(ticks), "ticks": list(ticks.values()), "curves": curves}


def _defined(value: float | None) -> float | None:
    """None for NaN, which JSON does not have."""
    return None if value is None or value != value else value
