"""The rules of one study side by side, from its table."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from pcsweep.aggregate.rules.best import Halves
from pcsweep.aggregate.rules.candidate import candidates_of, side_by_side
from pcsweep.aggregate.rules.contrast import RuleContrast, contrasted
from pcsweep.statistics.confirmation import confirming_half
from pcsweep.statistics.drawing import Drawn
from pcsweep.study import shards
from pcsweep.study.labels import MEANS
from pcsweep.study.values import values_of


def rules_of_study(folder: Path, table: pa.Table, facets: Sequence[str], metric: str, drawn: Drawn) -> RuleContrast | None:
    """None where the study has cells of one rule alone, or the metric is no mean over images.

    Args:
        folder: of the study.
        table: of `aggregate`.
        facets: its columns beside the axes that tell cells apart.
        metric: by which cells are best.
        drawn: the random draws for a number of images.
    """
    candidates = candidates_of(table, folder / "shards", metric)
    sides = side_by_side(candidates, facets)
    if len(sides.variants.labels) < 2 or metric.partition("@")[0] not in MEANS:
        return None
    first = values_of(shards.read(candidates[0].paths[0]))
    confirming = confirming_half(first.images, first.classes, drawn(len(first.images)).seed)
    return contrasted(sides, facets, Halves(metric, first.images, confirming, first.timesteps), drawn)
