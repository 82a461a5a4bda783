"""How well a saliency map finds an object: a file for each metric, whose `METRIC` is its row in the table, or `METRICS` its rows.

A new metric is a new file here; it is found by listing the folder. Metrics are computed with the methods of tensors alone, so
that whoever needs only the table, such as aggregation, does not wait for torch.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pcsweep.config.errors import BadSetting
from pcsweep.config.found import SHARD_COLUMNS, check_once, offered
from pcsweep.metric.perturbation import Perturbation
from pcsweep.metric.row import Baseline, Metric
from pcsweep.pcoder import coefficients


def table_of(files: Iterable[tuple[Path, Any]]) -> tuple[dict[str, Metric], dict[str, Path]]:
    """The table of these metrics, in its order, and the file of each, by name.

    Raises:
        BadSetting: something that is no metric, or names that cannot be told apart; names the files.
    """
    places: dict[str, Path] = {}
    columns: dict[str, Path] = {}
    rows: list[Metric] = []
    for path, row in files:
        if not isinstance(row, Metric):
            raise BadSetting(f"Expected `METRIC` of {path} to be a pcsweep.metric.row.Metric, but got {row!r:.80}.")
        check_once("metric", row.name, path, places)
        for name in row.columns:
            _check_name(name, path)
            check_once("metric and column of one", name, path, columns)
        rows.append(row)
    return {row.name: row for row in sorted(rows, key=lambda row: (row.place, row.name))}, places


def _check_name(name: str, path: Path) -> None:
    if not re.fullmatch(r"[A-Za-z]\w*", name) or name in (*SHARD_COLUMNS, *coefficients()):
        raise BadSetting(
            f"Expected a metric to have a name of letters, digits and _ that no other column has, but got {name!r} in {path}."
        )


def _rows() -> Iterator[tuple[Path, Any]]:
    """Of every file, one after the other."""
    yield from offered(__name__, __path__, "METRIC")
    for path, several in offered(__name__, __path__, "METRICS"):
        yield from ((path, row) for row in several)


TABLE, FILES = table_of(_rows())
ASKED = tuple(name for name, row in TABLE.items() if row.asked and row.columns)  # what the setting `metrics` may name


def variants_of(metrics: Iterable[str], perturbation: Perturbation | None) -> int:
    """About how many other images these metrics ask the network for each map, at each of the perturbation's timesteps."""
    rows = [TABLE[name].variants for name in metrics]
    return sum(variants(perturbation) for variants in rows if variants) if perturbation else 0


def baselines_of(metric: str) -> tuple[Baseline, ...]:
    """What maps that look at no image reach by a metric, such as `iou` or, with what is the same at any threshold, `iou@0.15`."""
    name, _, threshold = metric.partition("@")
    found = TABLE[name].baselines if name in TABLE else ()
    return tuple(each for each in found if not (threshold and each.cut))
