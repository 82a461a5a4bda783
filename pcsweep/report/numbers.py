"""The statistics of all cells, packed for the page."""

import base64
import gzip
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pcsweep.aggregate.choice import is_coefficient
from pcsweep.metric import baselines_of
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.study.axes import COEFFICIENTS, RULE_COLUMN, Coordinates
from pcsweep.study.conditions import is_noise, noise_axes
from pcsweep.study.labels import (
    LOWER,
    METRICS,
    OF_MASKS,
    Row,
    axis_label,
    beside,
    coefficient,
    condition_text,
    in_order,
    is_control,
    label_of,
    pair_of,
    rule_of_row,
    text_of,
)
from pcsweep.study.spreadsheet import plain
from pcsweep.study.variants import is_setting, rule_label

FULL = (
    "mean", "low", "high", "normalized", "normalized_low", "normalized_high", "difference", "difference_low", "difference_high",
    "effect", "q", "p_grid", "n", "pairs", "nan",
)  # fmt: skip
BRIEF = ("mean", "low", "high")  # of the IoU at further thresholds
LARGEST = 1_800_000  # numbers on the page; thresholds are left out where there would be more


@dataclass(frozen=True)
class Selector:
    """An axis with a control of its own on the page: one that varies and is no axis of a heatmap; σ always.

    Args:
        name: of the column.
        label: of the control.
        values: what it is set to.
        together: columns whose values are one of its values, in words: noise, severity and parameters, where noises have others.
    """

    name: str
    label: str
    values: list[Any]
    together: tuple[str, ...] = ()

    def place(self, row: Row) -> int:
        """Which of the values a cell has."""
        return self.values.index(_condition(row, self.together) if self.together else _value(row, self.name))

    @property
    def varying(self) -> list[Any]:
        """Its values; of a coefficient those in cells whose rule has it."""
        return [value for value in self.values if value is not None or self.name not in COEFFICIENTS]


def selectors(everything: Sequence[Row], facets: Sequence[str]) -> list[Selector]:
    """σ first, then what else varies among the cells, there or not."""
    names = ["sigma", "model", "noise", "pcoder", *beside(everything), *(name for name in facets if not is_coefficient(name))]
    if RULE_COLUMN in names:  # which has the settings of rules in its values
        names = [name for name in names if name == RULE_COLUMN or not is_setting(name)]
    conditions = _conditions(everything, facets)
    names = [name for name in names if not (conditions and (name == "noise" or is_noise(name)))]
    found = [Selector(name, axis_label(name), in_order({_value(row, name) for row in everything})) for name in names]
    return [*conditions, *(each for each in found if each.name == "sigma" or len(each.varying) > 1)]


def _conditions(everything: Sequence[Row], facets: Sequence[str]) -> list[Selector]:
    """One control for noise and level, where several noises have parameters of their own: most combinations are no cells."""
    together = noise_axes(everything, facets)
    if "noise" not in together or together[-1] in ("noise", "sigma"):
        return []
    order = in_order({tuple(row[name] for name in together) for row in everything})
    if len(order) == math.prod(len(set(values)) for values in zip(*order, strict=True)):
        return []
    values = list(dict.fromkeys(condition_text(zip(together, each, strict=True)) for each in order))
    return [Selector("noise", "noise", values, together)]


def _condition(row: Row, together: Sequence[str]) -> str:
    return condition_text((name, row[name]) for name in together)


def _value(row: Row, name: str) -> Any:
    if name == RULE_COLUMN:
        return rule_label(row)
    return coefficient(row, name) if name in COEFFICIENTS else row.get(name)


@dataclass(frozen=True)
class _Axes:
    """The two coefficients on a heatmap's axes, y and x, of the cells of one rule and form, with their values in order."""

    rule: UpdateRule
    values: tuple[list[Any], list[Any]]

    @classmethod
    def of(cls, own: Sequence[Row]) -> "_Axes":
        """Of the cells of one rule."""
        rule = rule_of_row(own[0])
        y, x = (in_order({coefficient(row, key) for row in own}) for key in rule.axes)
        return cls(rule, (y, x))

    def place(self, row: Row) -> tuple[int, int]:
        """Which of the values a cell has."""
        y, x = (values.index(value) for values, value in zip(self.values, pair_of(row), strict=True))
        return y, x

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Key, symbol, label and values of y and x."""
        named = {each.key: each for each in self.rule.coefficients}
        return {
            axis: {
                "key": key,
                "symbol": named[key].symbol,
                "label": named[key].label,
                "values": list(map(text_of, values)),
            }
            for axis, key, values in zip("yx", self.rule.axes, self.values, strict=True)
        }


def cells_of(table: pa.Table) -> list[Row]:
    """The first row of each cell, in the order in which cells come first."""
    cell = table["identity"].combine_chunks().dictionary_encode().indices.to_numpy()
    rows: list[Row] = table.take(pa.array(np.unique(cell, return_index=True)[1])).to_pylist()
    return rows


def numbers(
    table: pa.Table, skipped: Sequence[Coordinates], missing: Sequence[Coordinates], facets: Sequence[str], asked: str = "iou"
) -> dict[str, Any]:
    """What the page's script reads: axes, cells, and blocks of statistics.

    Args:
        table: of `aggregate`.
        skipped, missing: coordinates of the cells that are not in it.
        facets: its columns beside the axes that tell cells apart.
        asked: the metric by which cells are best.
    """
    rows = cells_of(table)
    everything = [*rows, *skipped, *missing]
    chosen = selectors(everything, facets)
    ruled = [number for number, each in enumerate(chosen) if each.name == RULE_COLUMN]
    by_rule = {label: _Axes.of(own) for label, own in _by_label(everything).items()}

    def place(row: Row) -> dict[str, Any]:
        y, x = by_rule[rule_label(row)].place(row)
        return {"at": [each.place(row) for each in chosen], "y": y, "x": x}

    texts = [[_text(value) for value in each.values] for each in chosen]
    blocks = _blocks(table, asked)
    shown = [name for block in blocks for name in block["metrics"]]
    return {
        "selectors": [
            {"name": each.name, "label": each.label, "values": values, "written": [plain(value) for value in values]}
            for each, values in zip(chosen, texts, strict=True)
        ],
        "axes": [each.as_json() for each in by_rule.values()],
        "ruled": ruled[0] if ruled else None,
        "coefficients": [each.name for each in chosen if is_coefficient(each.name)],
        "skipped_because": ", ".join(dict.fromkeys(each.rule.skipped for each in by_rule.values() if each.rule.skipped)),
        "timesteps": in_order(set(table["timestep"].to_pylist())),
        "labels": {name: label_of(name) for name in shown},
        "lower": [name for name in shown if name in LOWER],
        "measured": _measured(table),
        "baselines": {name: [{"metric": each.metric, "label": each.label} for each in baselines_of(name)] for name in shown},
        "left_out": [name for name in pc.unique(table["metric"]).to_pylist() if name not in shown],
        "cells": [
            {**place(row), "identity": row["identity"], "seeds": row["seeds"], "preset": row["hyperparameter"]}
            | ({"control": True} if is_control(row) else {})
            | ({"shard": row["shards"].split()[0]} if row["seeds"] > 1 else {})
            for row in rows
        ],
        "skipped": [place(row) for row in skipped],
        "missing": [place(row) for row in missing],
        "blocks": blocks,
    }


def _by_label(everything: Sequence[Row]) -> dict[str, list[Row]]:
    """The cells of each rule and form, in the order in which its selector has them."""
    found: dict[str, list[Row]] = {}
    for row in everything:
        found.setdefault(rule_label(row), []).append(row)
    return {label: found[label] for label in in_order(found)}


def _measured(table: pa.Table) -> dict[str, list[int]]:
    """The timesteps of metrics that were not measured at all of them."""
    rows = table.group_by(["metric", "timestep"], use_threads=False).aggregate([]).to_pylist()
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["metric"], []).append(row["timestep"])
    every = len({row["timestep"] for row in rows})
    return {metric: sorted(timesteps) for metric, timesteps in found.items() if len(timesteps) < every}


def _text(value: Any) -> str:
    return "none" if value is None else text_of(value)


def _blocks(table: pa.Table, asked: str) -> list[dict[str, Any]]:
    """Metrics with all statistics, and those with a few."""
    cells, metrics, timesteps = (table[name].combine_chunks().dictionary_encode() for name in ("identity", "metric", "timestep"))
    cell = cells.indices.to_numpy()  # (rows,): which of `cells_of`
    names: list[str] = metrics.dictionary.to_pylist()
    full = [name for name in (*METRICS, *names) if name in names and name not in OF_MASKS and ("@" not in name or name == asked)]
    full = list(dict.fromkeys(full))
    brief = [name for name in names if name not in full]
    steps = timesteps.dictionary.to_pylist()
    order = np.argsort(np.argsort(steps))[timesteps.indices.to_numpy()]
    shape = int(cell.max()) + 1, len(steps)
    if shape[0] * shape[1] * (len(full) * len(FULL) + len(brief) * len(BRIEF)) > LARGEST:
        brief = [name for name in brief if name in OF_MASKS]
    blocks = []
    for chosen, statistics in ((full, FULL), (brief, BRIEF)):
        if not chosen:
            continue
        values = np.full((len(statistics), len(chosen), *shape), np.nan, np.float32)
        for number, name in enumerate(chosen):
            rows = np.flatnonzero(metrics.indices.to_numpy() == names.index(name))
            for statistic, column in enumerate(statistics):
                values[statistic, number, cell[rows], order[rows]] = table[column].to_numpy()[rows]
        blocks.append({"metrics": chosen, "statistics": list(statistics), "data": packed(values)})
    return blocks


def packed(values: np.ndarray) -> str:
    """Single-precision numbers to 17 bits (five digits), the bytes of like weight side by side, gzip, base64."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4").ravel()
    ordinary = (bits & 0x7F800000) != 0x7F800000  # neither NaN nor infinite
    rounded = np.where(ordinary, (bits + 0x20) & 0xFFFFFFC0, bits).astype("<u4")
    planes = rounded.view(np.uint8).reshape(-1, 4).T
    return compressed(planes.tobytes())


def compressed(content: bytes) -> str:
    """As the page's script inflates it; the same content gives the same text."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
