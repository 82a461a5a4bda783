"""Coordinates of cells, metrics and coefficients as labels have them."""

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

from pcsweep.metric import TABLE
from pcsweep.pcoder.predictive_coding import KEYS, RULE
from pcsweep.study.axes import Coordinates, sort_key

Row = dict[str, Any]  # one row of the table, or the coordinates of a cell without one
SYMBOLS = {"sigma": "σ", **{each.key: each.symbol for each in RULE.coefficients}}
METRICS = {name: row.label for name, row in TABLE.items()}
NO_SHARES = tuple(name for name, row in TABLE.items() if not row.best)  # by which no cell is best
# Of the masks alone, and of nothing that a network does.
OF_MASKS = tuple(name for name, row in TABLE.items() if not row.tested and not row.pooled)
BEST = tuple(name for name in METRICS if name not in NO_SHARES)
POOLED = tuple(name for name, row in TABLE.items() if row.pooled)  # of all images together
MEANS = tuple(name for name in METRICS if name not in (*OF_MASKS, *POOLED))  # over images
DYNAMICS = ("pcoder", *KEYS, *(f"pcoder.{key}" for key in KEYS))  # columns of the coefficients
BESIDE = tuple(key for key in KEYS if key not in RULE.axes)  # coefficients that no heatmap has as an axis: α
LONGEST = 80  # characters of a file's name


def file_name(named: Iterable[tuple[str, Any]]) -> str:
    """Such as `alpha-0.01_pcoder-1+3`; of a longer one the beginning, and a hash."""
    name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{name}-{_whole(value)}").strip("-") for name, value in named)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def axis_text(name: str, value: Any) -> str:
    """Such as `σ = 0.2`, `share = 0.1` or `pcoder 3`."""
    if name == "pcoder":
        return f"pcoder {value}"
    return f"no {axis_label(name)}" if value is None else f"{axis_label(name)} = {text_of(value)}"


def axis_label(name: str) -> str:
    """Of an axis: a symbol, or the parameter's name without its group."""
    return SYMBOLS.get(name, name.removeprefix("noise."))


def label_of(metric: str) -> str:
    """A metric's name for people."""
    name, _, threshold = metric.partition("@")
    return METRICS.get(metric) or (f"IoU at threshold {threshold}" if name == "iou" and threshold else metric)


def coefficient(row: Row, name: str) -> Any:
    """A number, or the list per pcoder as text."""
    return row.get(f"pcoder.{name}") if row[name] is None else row[name]


def text_of(value: Any) -> str:
    """As a label has it; the numbers of a list, which is JSON in the table, to three digits."""
    listed = _listed(value)
    if listed is not None:
        return "[" + " ".join(f"{each:.3g}" if isinstance(each, int | float) else str(each) for each in listed) + "]"
    return _whole(value)


def _listed(value: Any) -> list[Any] | None:
    """The list that a text is in JSON, if it is one."""
    if not isinstance(value, str) or not value.startswith("["):
        return None
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _whole(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def pair_of(row: Row) -> tuple[Any, Any]:
    """Its (β, λ): the coefficients that a heatmap has as axes."""
    y, x = RULE.axes
    return coefficient(row, y), coefficient(row, x)


def pair_text(pair: tuple[Any, Any]) -> str:
    """As a label has it."""
    return ", ".join(f"{SYMBOLS[key]} = {text_of(value)}" for key, value in zip(RULE.axes, pair, strict=True))


def is_control(row: Row) -> bool:
    """Whether it is the plain feedforward network at every t: nothing feeds back, so t = 0 is a fixed point."""
    return bool(row["fixed"])


def in_order(values: Iterable[Any]) -> list[Any]:
    """By `sort_key`; tuples item by item."""

    def rank(value: Any) -> Any:
        return [rank(item) for item in value] if isinstance(value, tuple) else sort_key(value)

    return sorted(values, key=rank)


def describe(place: Coordinates) -> str:
    """A cell in a few words."""
    return " ".join(f"{SYMBOLS.get(name, name)}={value}" for name, value in place.items() if value is not None)
