"""Update rules side by side: the section's sentences and tables, and what its plot draws."""

from dataclasses import dataclass
from typing import Any

from pcsweep.aggregate.rules.contrast import RuleContrast
from pcsweep.aggregate.rules.rows import best_columns, best_rows, pair_columns, pair_rows
from pcsweep.aggregate.rules.table import curves
from pcsweep.aggregate.rules.words import condition_text, sentences
from pcsweep.report.tables import Table
from pcsweep.study.labels import START, Row


@dataclass(frozen=True)
class SideBySideSection:
    """What is said of rules, what is best of each, and how these differ."""

    sentences: list[str]
    best: Table
    pairs: Table


def section(contrast: RuleContrast | None) -> SideBySideSection | None:
    """None of a study of one rule."""
    if contrast is None:
        return None
    best, pairs = Table(best_columns(contrast), best_rows(contrast)), Table(pair_columns(contrast), pair_rows(contrast))
    return SideBySideSection(sentences(contrast), best, pairs)


def rule_panels(contrast: RuleContrast | None) -> list[dict[str, Any]]:
    """For each condition a curve of each rule that has a best cell there, and what stands beside them."""
    if contrast is None:
        return []
    found: dict[str, list[Row]] = {}
    for row in curves(contrast):
        if row["identity"] is not None:
            found.setdefault(condition_text(contrast, {name: row[name] for name in contrast.columns}), []).append(row)
    return [{"label": label, **_panel(contrast, rows)} for label, rows in found.items()]


def _panel(contrast: RuleContrast, rows: list[Row]) -> dict[str, Any]:
    baselines = {label: value for row in rows for label, value in row["baselines"].items() if label != START}
    starts = dict.fromkeys(round(row["baselines"][START], 6) for row in rows if START in row["baselines"])
    lines = {rule: [row for row in rows if row["rule"] == rule] for rule in contrast.rules}
    return {
        "images": int(contrast.halves.confirming.sum()),
        "start": list(starts),
        "baselines": [{"label": label, "value": value} for label, value in baselines.items()],
        "lines": [_line(rule, line) for rule, line in lines.items() if line],
    }


def _line(rule: str, line: list[Row]) -> dict[str, Any]:
    """Null where undefined."""
    columns = {"mean": "confirming_mean", "gain": "confirming_difference"}
    numbers = {
        f"{key}{end}": [None if row[f"{name}{end}"] != row[f"{name}{end}"] else round(row[f"{name}{end}"], 6) for row in line]
        for key, name in columns.items()
        for end in ("", "_low", "_high")
    }
    chosen = next(place for place, row in enumerate(line) if row["best"])
    return {"rule": rule, "x": [row["timestep"] for row in line], "chosen": chosen, **numbers}
