"""Coordinates of cells, metrics and coefficients as labels have them."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pcsweep.metric import TABLE
from pcsweep.pcoder import USUAL, rule_named, rules
from pcsweep.pcoder.rule import UpdateRule, keys_of
from pcsweep.study.axes import COEFFICIENTS, RANDOMIZED, RANDOMIZED_SEED, RULE_COLUMN, Coordinates, sort_key

Row = dict[str, Any]  # one row of the table, or the coordinates of a cell without one
SYMBOLS = {
    "sigma": "σ",
    RULE_COLUMN: "rule",
    "attribution.name": "attribution",
    RANDOMIZED: "randomized",
    RANDOMIZED_SEED: "randomized seed",
    **{each.key: each.symbol for rule in rules().values() for each in rule.coefficients},
}
METRICS = {name: row.label for name, row in TABLE.items()}
NO_SHARES = tuple(name for name, row in TABLE.items() if not row.best)  # by which no cell is best
OF_MASKS = tuple(name for name, row in TABLE.items() if row.mask_only)  # which nothing that a network does changes
BEST = tuple(name for name in METRICS if name not in NO_SHARES)
POOLED = tuple(name for name, row in TABLE.items() if row.pooled)  # of all images together
MEANS = tuple(name for name in METRICS if name not in (*OF_MASKS, *POOLED))  # over images
DYNAMICS = ("pcoder", *COEFFICIENTS, *(f"pcoder.{key}" for key in COEFFICIENTS))  # columns of the coefficients
_HASH = re.compile(r"[0-9a-f]{64}")
LOWER = tuple(name for name, row in TABLE.items() if row.lower_is_better)
START = "at t = 0"  # of the feedforward network's value, beside what maps that look at no image reach
LONGEST = 80  # characters of a file's name


def file_name(named: Iterable[tuple[str, Any]]) -> str:
    """Such as `alpha-0.01_pcoder-1+3`; of a longer one the beginning, and a hash."""
    name = "_".join(re.sub(r"[^\w.+-]+", "-", f"{name}-{_whole(value)}").strip("-") for name, value in named)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def axis_text(name: str, value: Any) -> str:
    """Such as `σ = 0.2`, `share = 0.1` or `pcoder 3`."""
    if name == "pcoder":
        return f"pcoder {value}"
    if isinstance(value, bool):
        return axis_label(name) if value else f"not {axis_label(name)}"
    return f"no {axis_label(name)}" if value is None else f"{axis_label(name)} = {text_of(value)}"


def condition_text(named: Iterable[tuple[str, Any]]) -> str:
    """Of several columns: such as `shot, severity = 3, c = 12`, without what a noise does not have."""
    given = dict(named)
    noise = given.get("noise")
    words = []
    for name, value in given.items():
        if name == "noise":
            words.append("no noise" if value == "none" else str(value))
        elif noise is None or (value is not None and not (noise == "none" and name == "sigma")):
            words.append(axis_text(name, value))
    return ", ".join(words)


def axis_label(name: str) -> str:
    """Of an axis: a symbol, or the parameter's name without its group."""
    return SYMBOLS.get(name, name.removeprefix("noise.").removesuffix("_sha256"))


def on(models: str, datasets: str, split: str) -> str:
    """Such as `pefficientnet_lite0 on imagenet_s validation`."""
    return f"{models} on {datasets}" + (f" {split}" if split else "")


def label_of(metric: str) -> str:
    """A metric's name for people."""
    name, _, threshold = metric.partition("@")
    return METRICS.get(metric) or (f"IoU at threshold {threshold}" if name == "iou" and threshold else metric)


def direction(metric: str) -> int:
    """1 where a good map has a high value, -1 where it has a low one."""
    return -1 if metric in LOWER else 1


def with_direction(text: str, metric: str) -> str:
    """The text, and that lower is better where it is."""
    return f"{text} (lower is better)" if metric in LOWER else text


def most_text(metric: str) -> str:
    """What the best value of a metric is: highest or lowest."""
    return "lowest" if metric in LOWER else "highest"


def rule_of_row(row: Row) -> UpdateRule:
    """By which its cell is updated."""
    return rule_named(row.get(RULE_COLUMN) or USUAL)


def rules_of(rows: Iterable[Row]) -> list[UpdateRule]:
    """Those of all rows, each once, the usual one first; it alone where there are no rows."""
    names = {rule_of_row(row).name for row in rows} or {USUAL}
    return [rule for name, rule in rules().items() if name in names]


def coefficients_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The keys of the rules of all rows, each once."""
    return tuple(dict.fromkeys(key for rule in rules_of(rows) for key in keys_of(rule)))


def on_axes(rows: Sequence[Row]) -> tuple[str, ...]:
    """Those that a heatmap of one of their rules has as an axis: β and λ, first y, then x."""
    return tuple(dict.fromkeys(key for rule in rules_of(rows) for key in rule.axes))


def beside(rows: Sequence[Row]) -> tuple[str, ...]:
    """The other coefficients, which no heatmap has as an axis: α."""
    return tuple(key for key in coefficients_of(rows) if key not in on_axes(rows))


def coefficient(row: Row, name: str) -> Any:
    """A number, or the list per pcoder as text; None where its rule has no such coefficient."""
    return row.get(f"pcoder.{name}") if row.get(name) is None else row[name]


def text_of(value: Any) -> str:
    """As a label has it; the numbers of a list, which is JSON in the table, to three digits."""
    listed = _listed(value)
    if listed is not None:
        return "[" + " ".join(f"{each:.3g}" if isinstance(each, int | float) else str(each) for each in listed) + "]"
    return _whole(value)


def _shortened(value: Any) -> Any:
    return _whole(value) if isinstance(value, str) else value


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
    if isinstance(value, str) and _HASH.fullmatch(value):
        return value[:8]
    return f"{value:g}" if isinstance(value, float) else str(value)


def pair_of(row: Row) -> tuple[Any, Any]:
    """The coefficients that a heatmap has as axes: its (β, λ)."""
    y, x = rule_of_row(row).axes
    return coefficient(row, y), coefficient(row, x)


def pair_text(rule: UpdateRule, pair: tuple[Any, Any]) -> str:
    """Them as a label has them: `β = 0.8, λ = 0.2`."""
    return ", ".join(f"{SYMBOLS[key]} = {text_of(value)}" for key, value in zip(rule.axes, pair, strict=True))


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
    return " ".join(f"{SYMBOLS.get(name, name)}={_shortened(value)}" for name, value in place.items() if value is not None)
