"""What aggregation finds: the table of a study, and what is not in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.rule import UpdateRule
from pcsweep.study.axes import RULE_COLUMN, Coordinates
from pcsweep.study.labels import rules_of


@dataclass(frozen=True)
class Aggregate:
    """The statistics of a study.

    `table` has one row per cell × timestep × metric; `facets` names its columns beside the axes that tell cells apart.
    """

    table: pa.Table
    skipped: list[Coordinates]  # no update with these coefficients, such as β + λ > 1: never computed
    missing: list[Coordinates]  # planned, and no verified shard
    damaged: list[str]  # what was wrong with each shard moved aside
    missing_seeds: list[Coordinates] = field(default_factory=list)  # of cells that are there with other noise seeds
    older: int = 0  # shards of an earlier version, not read
    facets: tuple[str, ...] = ()
    commands: list[str] = field(default_factory=list)  # that compute what is missing
    figures: tuple[str, ...] = ()  # of the paper, that were asked for
    unit: str = ""  # of σ, in words
    measured: tuple[tuple[str, ...], ...] = ()  # what the setting `metrics` is, in any shard

    @property
    def rules(self) -> list[UpdateRule]:
        """Those of all its cells, there or not."""
        return rules_in(self.table, [*self.skipped, *self.missing])


def rules_in(table: pa.Table, others: Sequence[Coordinates] = ()) -> list[UpdateRule]:
    """The update rules of the cells of a table, and of others, each once."""
    names = table[RULE_COLUMN].unique().to_pylist() if RULE_COLUMN in table.column_names else [None] * bool(table.num_rows)
    return rules_of([*({RULE_COLUMN: name} for name in names), *others])


class NoShards(BadSetting):
    """A study of which nothing can be aggregated, and what there is instead."""
