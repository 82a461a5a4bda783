"""What the page says of a study of which nothing can be aggregated."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pcsweep.config.version import __version__
from pcsweep.console.text import number_of
from pcsweep.report.completeness import Reason, reasons
from pcsweep.report.origins import Damaged, damaged
from pcsweep.report.progress import Progress
from pcsweep.study import plans


@dataclass(frozen=True)
class Nothing:
    """Of one page.

    Args:
        study, made, version: for the head.
        counts: how many points were planned, and how many failed.
        whys: each reason, and for how many points.
        reasons: of every point that failed.
        damaged: the files moved aside.
        commands: that compute what is missing.
        progress: how far the study is, if anybody is at work.
    """

    study: str
    made: str
    version: str
    counts: str
    whys: list[tuple[str, str]]
    reasons: list[Reason]
    damaged: list[Damaged]
    commands: list[str]
    progress: Progress | None = None


def nothing(study: Path, progress: Progress | None = None) -> Nothing | None:
    """Of the study in the folder; None where no point failed, so that there is nothing to tell."""
    points = [point for point in plans.planned(study / "planned") if not point.skipped]
    why = reasons(study, points)
    if not why:
        return None
    planned = f"{number_of(len(points), 'point')} planned, " if points else ""
    return Nothing(
        study=study.name,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=__version__,
        counts=f"{planned}{len(why)} failed, none computed",
        whys=[(error, number_of(count, "point")) for error, count in Counter(error for _, error in why).most_common()],
        reasons=why,
        damaged=damaged(study / "shards"),
        commands=list(dict.fromkeys(point.command for point in points)),
        progress=progress if progress and progress.under_way else None,
    )
