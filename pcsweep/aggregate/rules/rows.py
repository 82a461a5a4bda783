"""Rules side by side as rows of texts, for the terminal and the page."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pcsweep.aggregate.best_table import number, small, with_interval
from pcsweep.aggregate.rules.contrast import RuleContrast
from pcsweep.aggregate.rules.table import curves, differences
from pcsweep.console.fitting import fitted
from pcsweep.study.labels import SYMBOLS, Row, axis_label, coefficient, label_of, rule_of_row, text_of

if TYPE_CHECKING:
    from rich.table import Table

_CAPTION = (
    "gain: on t = 0, of each rule's own best cell and timestep, chosen on the other half of the images; second - first: mean of "
    "the images' differences, each with itself under the same noise; d: in standard deviations of these; p: signs flipped; q: "
    "false discovery rate over this table."
)
_SPARE = ("gain of first", "gain of second", "d", "p", "images")


def best_columns(contrast: RuleContrast) -> list[str]:
    """Headings of `best_rows`."""
    name = "IoU" if contrast.halves.metric == "iou" else "value"
    confirmed = [f"{name}(t) [95 %]", f"{name}(t)/{name}(0) [95 %]", "gain [95 %]", "NaN", "images"]
    return [*_headings(contrast), "rule", "best cell", "t", "of cells", *confirmed]


def best_rows(contrast: RuleContrast) -> list[list[str]]:
    """A row for each condition and rule: its best cell on the half that confirms; one without a best cell says none."""
    shown = [row for row in curves(contrast) if row["best"] or row["identity"] is None]
    return [[*_condition(contrast, row), row["rule"], *_confirmed(row)] for row in shown]


def _confirmed(row: Row) -> list[str]:
    if row["identity"] is None:
        return ["none", "", str(row["cells"]), *["NaN"] * 3, "", str(row["images"])]
    return [
        cell_text(row),
        str(row["timestep"]),
        str(row["cells"]),
        *(with_interval(row, f"confirming_{name}") for name in ("mean", "normalized", "difference")),
        str(row["confirming_nan"]),
        str(row["images"]),
    ]


def cell_text(row: Row) -> str:
    """The coefficients of a cell, such as `β = 0.8, λ = 0.2, α = 0`, with the active pcoders where they are not all."""
    keys = [each.key for each in rule_of_row(row).coefficients]
    texts = [f"{axis_label(key)} = {text_of(coefficient(row, key))}" for key in keys]
    return ", ".join([*texts, *([f"pcoder {row['pcoder']}"] if row["pcoder"] != "all" else [])])


def pair_columns(contrast: RuleContrast) -> list[str]:
    """Headings of `pair_rows`."""
    named = ("first", "second", "t", "gain of first", "gain of second", "second - first [95 %]", "d", "p", "q", "images")
    return [*_headings(contrast), *named]


def pair_rows(contrast: RuleContrast) -> list[list[str]]:
    """A row for each condition and pair of rules: how the gains of their best cells differ."""
    return [
        [
            *_condition(contrast, row),
            row["rule_a"],
            row["rule_b"],
            f"{row['timestep_a']}, {row['timestep_b']}",
            *(number(row[name]) for name in ("gain_a", "gain_b")),
            with_interval(row, "gain_difference"),
            number(row["gain_effect"], 2),
            *(small(row[name]) for name in ("gain_p", "gain_q")),
            str(row["gain_pairs"]),
        ]
        for row in differences(contrast)
    ]


def pair_table(contrast: RuleContrast, width: int) -> "Table":
    """The paired differences for a terminal of so many characters."""
    title = f"Update rules against each other: {label_of(contrast.halves.metric)} of their best cells, confirmed"
    found = fitted(title, pair_columns(contrast), pair_rows(contrast), len(contrast.varying) + 2, _SPARE, width)
    found.caption, found.caption_justify = _CAPTION, "left"
    return found


def best_table(contrast: RuleContrast, width: int) -> "Table":
    """The best cells for a terminal of so many characters."""
    columns = best_columns(contrast)
    title = "Best cell of each rule, chosen on one half of the images, confirmed on the other"
    return fitted(title, columns, best_rows(contrast), len(contrast.varying) + 2, ("of cells", "NaN", columns[-5]), width)


def _headings(contrast: RuleContrast) -> list[str]:
    return [SYMBOLS.get(name, axis_label(name)) for name in contrast.varying]


def _condition(contrast: RuleContrast, row: Mapping[str, Any]) -> Sequence[str]:
    return ["none" if row[name] is None else text_of(row[name]) for name in contrast.varying]
