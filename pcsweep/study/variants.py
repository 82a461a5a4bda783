"""Which update rules a study holds side by side: a rule with a shared setting of several values is several variants of itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcsweep.study.axes import RULE_COLUMN
from pcsweep.study.labels import DYNAMICS, Row, in_order, rule_of_row, rules_of, text_of

# The one key of the pcoder group that shards keep beside the model, since the model's YAML reads it: scaled or unscaled.
SCALING = "model.gradient_scaling"
Key = tuple[Any, ...]  # the values of a variant in the columns that tell variants apart


@dataclass(frozen=True)
class Variants:
    """The variants of some cells.

    Args:
        columns: that tell variants apart: the rule, and settings that all pcoders share.
        labels: by key, in order: the rule's name, with the values of those settings in which its own cells differ.
    """

    columns: tuple[str, ...]
    labels: Mapping[Key, str]

    def key_of(self, row: Row) -> Key:
        """Of the variant that a cell is of."""
        return tuple(row.get(name) for name in self.columns)

    def label_of(self, row: Row) -> str:
        """Such as `predictive_coding` or `surround (subtractive)`."""
        return self.labels[self.key_of(row)]


def is_of_variant(name: str) -> bool:
    """Whether a column tells variants apart: the rule, or a setting of it that is no coefficient."""
    return name in (RULE_COLUMN, SCALING) or is_setting(name)


def variants_of(rows: Sequence[Row], facets: Iterable[str]) -> Variants:
    """The variants among cells, the usual rule's first.

    Args:
        rows: coordinates of the cells.
        facets: their columns beside the axes that tell cells apart.
    """
    columns = tuple(name for name in facets if is_of_variant(name))
    found: dict[Key, str] = {}
    for rule in rules_of(rows):
        own = [row for row in rows if rule_of_row(row) == rule]
        varying = [name for name in columns if name != RULE_COLUMN and len({row.get(name) for row in own}) > 1]
        for key in in_order({tuple(row.get(name) for name in columns) for row in own}):
            values = [_said(name, key[columns.index(name)]) for name in varying]
            found[key] = f"{rule.name} ({', '.join(values)})" if values else rule.name
    return Variants(columns, found)


def rule_label(row: Row) -> str:
    """Of a cell, or of what cells of a group share: its rule, with the settings in which its rule varies in the study."""
    settings = [_said(name, row[name]) for name in row if is_setting(name) and row[name] is not None]
    rule = rule_of_row(row).name
    return f"{rule} ({', '.join(settings)})" if settings else rule


def with_rule_label(group: Row) -> Row:
    """The values of a group's columns, the rule and its settings as one: `surround (divisive)`."""
    if RULE_COLUMN not in group:
        return dict(group)
    kept = {name: value for name, value in group.items() if not is_setting(name)}
    return {**kept, RULE_COLUMN: rule_label(group)}


def is_setting(name: str) -> bool:
    """Whether a column is a setting of rules that all pcoders share."""
    return name.startswith("pcoder.") and name != RULE_COLUMN and name not in DYNAMICS


def _said(name: str, value: Any) -> str:
    """A text speaks for itself, such as `subtractive`; anything else is named."""
    key = name.split(".", 1)[1]
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}"
    if isinstance(value, str) and not value.startswith("["):
        return value
    return f"{key} = {'none' if value is None else text_of(value)}"
