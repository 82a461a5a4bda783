"""Rules side by side as two tables: the curves of their best cells, and the paired differences between these."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pcsweep.aggregate.grouping import cell_identity
from pcsweep.aggregate.rules.best import BestOfRule, Halves, ReadCell
from pcsweep.aggregate.rules.contrast import RuleContrast, RulePair
from pcsweep.aggregate.table import column
from pcsweep.statistics.confirmation import CONFIRMATIONS, confirm
from pcsweep.statistics.paired import paired
from pcsweep.statistics.rivals import PairedDifference
from pcsweep.statistics.student import student
from pcsweep.study import shards
from pcsweep.study.axes import sort_key
from pcsweep.study.labels import START, Row
from pcsweep.study.spreadsheet import write_both


def curves(contrast: RuleContrast) -> list[Row]:
    """A row for each best cell and timestep; of a rule without one a single row that has no cell. The columns are in
    docs/statistics.md."""
    return [row for best in contrast.bests for row in _curve(best, contrast.halves)]


def shown_curves(contrast: RuleContrast) -> list[Row]:
    """Those of rules that have a best cell."""
    return [row for row in curves(contrast) if row["identity"] is not None]


def _curve(best: BestOfRule, halves: Halves) -> list[Row]:
    chosen = best.candidate
    about = {"metric": halves.metric, "rule": best.rule, "cells": best.cells, "images": int(halves.confirming.sum())}
    if chosen is None or best.read is None:
        nothing = {"best": False, "timestep": None, "identity": None, "shards": None, "seeds": None}
        return [{**best.condition, **about, **nothing, "baselines": {}}]
    names = [path.stem for path in chosen.paths]
    statistics = _statistics(best.read, halves)
    start = statistics["confirming_mean"][0].item()
    baselines = ({START: start} if start == start else {}) | dict(best.read.baselines)
    about |= {"identity": cell_identity(names), "shards": " ".join(names), "seeds": len(names), "baselines": baselines}
    return [
        {
            **chosen.place,
            **about,
            "timestep": timestep,
            "best": step == best.step,
            **{name: values[step].item() for name, values in statistics.items()},
        }
        for step, timestep in enumerate(halves.timesteps)
    ]


def _statistics(read: ReadCell, halves: Halves) -> dict[str, np.ndarray]:
    """By column, (timesteps,) each."""
    seeds = sorted(read.seeds, key=sort_key)
    values = paired(np.stack([read.seeds[seed] for seed in seeds])[:, None])  # of one metric
    now = values.now[0][:, halves.confirming]  # (timesteps, images)
    middle, low, high = student(now)
    found = {"confirming_mean": middle, "confirming_mean_low": low, "confirming_mean_high": high}
    each_seed = np.stack([read.seeds[seed] for seed in seeds])[:, :, halves.confirming]  # (seeds, timesteps, images)
    found |= {"confirming_n": (~np.isnan(now)).sum(axis=-1), "confirming_nan": np.isnan(each_seed).sum(axis=(0, -1))}
    confirmation = confirm(values, halves.confirming)
    return found | {name: getattr(confirmation, name)[0] for name in CONFIRMATIONS}


def differences(contrast: RuleContrast) -> list[Row]:
    """A row for each condition and pair of rules."""
    return [_difference(pair, contrast) for pair in contrast.pairs]


def _difference(pair: RulePair, contrast: RuleContrast) -> Row:
    found: Row = {**pair.a.condition, "metric": contrast.halves.metric, "images": int(contrast.halves.confirming.sum())}
    for side, best, seeds in (("a", pair.a, pair.seeds[0]), ("b", pair.b, pair.seeds[1])):
        assert best.candidate  # as it was paired
        found[f"rule_{side}"] = best.rule
        found[f"identity_{side}"] = cell_identity([path.stem for path in best.candidate.paths])
        found[f"timestep_{side}"] = contrast.halves.timesteps[best.step]
        found[f"seeds_{side}"] = seeds
    found["seeds_paired"] = pair.seeds_paired
    found |= _columns(pair.values, "", pair.q, ("mean_a", "mean_b"))
    return found | _columns(pair.gains, "gain_", pair.gain_q, ("gain_a", "gain_b"))


def _columns(of: PairedDifference, prefix: str, q: float, means: tuple[str, str]) -> Row:
    value = f"{prefix}difference"
    return {
        means[0]: of.a,
        means[1]: of.b,
        value: of.difference,
        f"{value}_low": of.low,
        f"{value}_high": of.high,
        f"{prefix}effect": of.effect,
        f"{prefix}pairs": of.pairs,
        f"{prefix}p": of.p,
        f"{prefix}p_least": of.p_least,
        f"{prefix}q": q,
    }


def save(contrast: RuleContrast, folder: Path) -> None:
    """Writes `rules` and `rule_differences` to a folder, each as Parquet and CSV."""
    for name, rows in (("rules", curves(contrast)), ("rule_differences", differences(contrast))):
        write_both(_table(rows), folder / name)


def _table(rows: Sequence[Row]) -> pa.Table:
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name != "baselines"]
    return pa.table({name: _column([row.get(name) for row in rows], name) for name in names})


def _column(values: list[Any], name: str) -> pa.Array:
    """An axis has the shards' type."""
    kind = shards.SCHEMA.field(name).type if name in shards.SCHEMA.names else None
    return column(values, kind)
