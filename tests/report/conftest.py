"""Studies made by hand, and their pages."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from toy_study import broken

from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.words import AggregateOptions
from pcsweep.report.contents import Contents, contents
from pcsweep.report.page import write

RESAMPLES, PERMUTATIONS, PICTURED = 60, 99, 2


def aggregated(folder: Path) -> tuple[Aggregate, AggregateOptions]:
    """With few resamples."""
    options = AggregateOptions(folder.name, str(folder.parent), resamples=RESAMPLES, permutations=PERMUTATIONS)
    return aggregate(folder, RESAMPLES, PERMUTATIONS), options


def gathered(folder: Path, pictured: int = PICTURED) -> Contents:
    """What the page of the study in `folder` says."""
    result, options = aggregated(folder)
    return contents(folder, result, options, pictured)


@pytest.fixture(scope="session")
def gather() -> Callable[..., Contents]:
    """From a study's folder to what its page says."""
    return gathered


@pytest.fixture(scope="session")
def publish() -> Callable[[Path], Path]:
    """From a study's folder to its page, beside which `aggregate.parquet` is."""

    def published(folder: Path) -> Path:
        result, options = aggregated(folder)
        pq.write_table(result.table, folder / "aggregate.parquet")
        write(contents(folder, result, options, PICTURED), folder / "report.html")
        return folder / "report.html"

    return published


@pytest.fixture(scope="session")
def broken_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study in which all that can go wrong has; not to be altered."""
    folder = tmp_path_factory.mktemp("outputs") / "broken"
    broken(folder)
    return folder
