"""What aggregation finds: the table of a study, and what is not in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from pcsweep.aggregate.gaps import Gaps
from pcsweep.aggregate.rules.contrast import RuleContrast
from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.study.axes import RANDOMIZED, RULE_COLUMN, Coordinates
from pcsweep.study.labels import rules_of

if TYPE_CHECKING:
    from pcsweep.search.told import SearchShown


@dataclass(frozen=True)
class Aggregate:
    """The statistics of a study, and what is not in them.

    Args:
        table: one row per cell × timestep × metric.
        gaps: the cells that are not in the table.
        damaged: what was wrong with each shard moved aside.
        older: how many shards are of an earlier version, and were not read.
        facets: the table's columns beside the axes that tell cells apart.
        figures: of the paper, that were asked for.
        unit: of σ, in words.
        split: of the dataset, if it has one.
        measured: what the setting `metrics` is, in any shard.
        layers: one row per cell × timestep × metric × pcoder at which the attribution was taken; None where it was at one alone.
        contrast: its update rules side by side; None of a study of one rule.
        sources: which code is not the same in all shards, a line each.
        sanity: of `sanity.sanity`, where networks drawn anew are among the cells.
        search: that the study holds, with what is told of it.
    """

    table: pa.Table
    gaps: Gaps
    damaged: list[str]
    older: int = 0
    facets: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    unit: str = ""
    split: str = ""
    measured: tuple[tuple[str, ...], ...] = ()
    layers: pa.Table | None = None
    contrast: RuleContrast | None = None
    sources: tuple[str, ...] = ()
    sanity: pa.Table | None = None
    search: "SearchShown | None" = None

    @property
    def learned(self) -> pa.Table:
        """The rows of networks as they are, by which nothing that is drawn anew can be best; all where there are no others."""
        if RANDOMIZED not in self.table.column_names:
            return self.table
        rows = self.table.filter(self.table[RANDOMIZED].is_null())
        return rows if rows.num_rows else self.table

    @property
    def rules(self) -> list[UpdateRule]:
        """Those of all its cells, there or not."""
        return rules_in(self.table, [*self.gaps.skipped, *self.gaps.missing])


def rules_in(table: pa.Table, others: Sequence[Coordinates] = ()) -> list[UpdateRule]:
    """The update rules of the cells of a table, and of others, each once."""
    names = table[RULE_COLUMN].unique().to_pylist() if RULE_COLUMN in table.column_names else [None] * bool(table.num_rows)
    return rules_of([*({RULE_COLUMN: name} for name in names), *others])


class NoShards(BadSetting):
    """A study of which nothing can be aggregated, and what there is instead."""
