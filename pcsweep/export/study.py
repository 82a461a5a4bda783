"""A study as every export has it: the rows of its shards, one shard in memory at a time, and its tables beside them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads

from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.words import DrawingOptions
from pcsweep.console.progress import progress, stage
from pcsweep.export import asked
from pcsweep.export.points import ExportPoint, point_table, points_of
from pcsweep.statistics.drawing import Drawn, drawn_once
from pcsweep.study.load import load
from pcsweep.study.mixing import Where

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportStudy:
    """What is exported.

    Args:
        folder: of the study.
        where: settings of the shards that are exported.
        result: their statistics; what is damaged has been named and set aside.
        points: one per shard that verified, in the order of their identities.
        drawn: the random draws of their statistics.
    """

    folder: Path
    where: Where
    result: Aggregate
    points: list[ExportPoint]
    drawn: Drawn

    @property
    def name(self) -> str:
        """Of the study."""
        return self.folder.name

    @cached_property
    def _dataset(self) -> pads.Dataset:
        return load(self.name, self.folder.parent, self.where)

    @property
    def row_schema(self) -> pa.Schema:
        """Of `rows`: what `pcsweep.load` gives."""
        return self._dataset.schema

    def rows(self) -> Iterator[pa.Table]:
        """Those of each shard, whole; a shard that was damaged or removed after it was aggregated is left out and named."""
        wanted = {point.identity for point in self.points}
        with progress("exporting rows", len(wanted), "shards") as advance:
            for shard in self._dataset.get_fragments():
                if Path(shard.path).stem in wanted:
                    try:
                        yield _whole(shard, self.row_schema)
                    except (OSError, pa.ArrowInvalid) as error:
                        _log.warning("Shard left out: %s: %s", shard.path, str(error).splitlines()[0])
                    advance(1)

    def tables(self) -> dict[str, pa.Table]:
        """Everything beside the rows, by name."""
        own = {"points": point_table(self.points), "cells": self.result.table}
        if self.result.layers:
            own["layers"] = self.result.layers
        return own | asked.tables(self.folder, self.where)


def study_to_export(folder: Path, where: Where, drawing: DrawingOptions) -> ExportStudy:
    """The study in `folder`, aggregated: damaged shards are named, moved aside and left out.

    Args:
        folder: of the study.
        where: settings of the shards that are exported.
        drawing: how often is drawn for the statistics.

    Raises:
        BadSetting: there is nothing to export, or shards that must not be mixed.
    """
    drawn = drawing.resamples, drawing.permutations, drawing.seed
    result = aggregate(folder, *drawn, where=where)
    for line in result.damaged:
        _log.warning("Shard left out: %s", line)
    with stage("reading settings"):
        return ExportStudy(folder, where, result, points_of(folder, result), drawn_once(*drawn))


def _whole(shard: Any, schema: pa.Schema) -> pa.Table:
    """The rows of one shard, read through a dataset of its own: that of the study would keep what it learns of every file."""
    own = pads.FileSystemDataset.from_paths(
        [shard.path], schema, shard.format, shard.filesystem, [shard.partition_expression], None
    )
    return own.to_table()
