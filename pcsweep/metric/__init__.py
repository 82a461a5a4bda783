"""How well a saliency map finds an object: a file for each metric, whose `METRIC` is its row in the table, or `METRICS` its rows.

A new metric is a new file here; it is found by listing the folder. Metrics are computed with the methods of tensors alone, so
that whoever needs only the table, such as aggregation, does not wait for torch.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

from pcsweep.metric.row import Metric


def _rows() -> list[Metric]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    rows = [row for module in modules for row in _rows_of(vars(module))]
    return sorted(rows, key=lambda row: (row.place, row.name))


def _rows_of(names: Mapping[str, Any]) -> Sequence[Metric]:
    """Those that a file of the folder has; none, where it is what metrics are made of."""
    rows: Sequence[Metric] = names.get("METRICS", [names["METRIC"]] if "METRIC" in names else [])
    return rows


TABLE: dict[str, Metric] = {row.name: row for row in _rows()}
ASKED = tuple(name for name, row in TABLE.items() if row.asked and row.columns)  # what the setting `metrics` may name
