"""How well a saliency map finds an object: a file for each metric, whose `METRIC` is its row in the table.

A new metric is a new file here; it is found by listing the folder. Metrics are computed with the methods of tensors alone, so
that whoever needs only the table, such as aggregation, does not wait for torch.
"""

import importlib
import pkgutil

from pcsweep.metric.row import Metric


def _rows() -> list[Metric]:
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    rows = [module.METRIC for module in modules if hasattr(module, "METRIC")]
    return sorted(rows, key=lambda row: (row.place, row.name))


TABLE: dict[str, Metric] = {row.name: row for row in _rows()}
ASKED = tuple(name for name, row in TABLE.items() if row.asked and row.columns)  # what the setting `metrics` may name
