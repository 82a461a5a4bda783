"""What of a study is not there, and why."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcsweep.aggregate.best import suspicions
from pcsweep.aggregate.result import Aggregate
from pcsweep.console.text import number_of
from pcsweep.report.origins import Damaged, damaged
from pcsweep.report.sentences import listed
from pcsweep.study import failures
from pcsweep.study.plans import PlannedPoint

Reason = tuple[str, str]  # a point's label, and why it raised


@dataclass(frozen=True)
class Completeness:
    """What of a study is not there, and what in it calls for a second look.

    Args:
        suspicions: a line each.
        missing: cells that were planned and are not there.
        missing_seeds: noise seeds that are missing of cells that are there.
        commands: that compute what is missing.
        reasons: why points failed.
        damaged: files moved aside.
    """

    suspicions: list[str]
    missing: list[str]
    missing_seeds: list[str]
    commands: list[str]
    reasons: list[Reason]
    damaged: list[Damaged]


def completeness(study: Path, result: Aggregate, points: Sequence[PlannedPoint], identities: Collection[str]) -> Completeness:
    """How complete an aggregated study is.

    Args:
        study: its folder.
        result: its aggregate.
        points: that were planned.
        identities: of the shards that are there.
    """
    why, aside = reasons(study, points, identities), damaged(study / "shards")
    return Completeness(
        suspicions=[*absences(result, why, aside), *result.sources, *suspicions(result.learned, result.facets)],
        missing=listed(result.gaps.missing),
        missing_seeds=listed(result.gaps.missing_seeds),
        commands=result.gaps.commands,
        reasons=why,
        damaged=aside,
    )


def reasons(study: Path, points: Sequence[PlannedPoint], done: Collection[str] = ()) -> list[Reason]:
    """Of the points that raised and are not done: as the plan has them in order, then those that no plan has.

    Args:
        study: its folder.
        points: that were planned.
        done: identities of the shards that are there.
    """
    noted = {identity: failure for identity, failure in failures.read_all(study).items() if identity not in done}
    planned = {point.identity: point.label for point in points if point.identity in noted}
    labels = planned | {identity: noted[identity].label for identity in sorted(noted) if identity not in planned}
    return [(label or str(identity)[:12], noted[str(identity)].error) for identity, label in labels.items()]


def absences(result: Aggregate, why: Sequence[Reason], aside: Sequence[Damaged]) -> list[str]:
    """What calls for a look because it is not there, in a line each.

    Args:
        result: the aggregate.
        why: of the points that failed.
        aside: the files moved aside.
    """
    gaps = result.gaps
    lost = sum(not file.replaced for file in aside)
    told = {
        f"{number_of(len(gaps.missing), 'cell')} missing": len(gaps.missing),
        f"{number_of(len(gaps.missing_seeds), 'noise seed')} of done cells missing": len(gaps.missing_seeds),
        f"{number_of(len(why), 'point')} failed": len(why),
        f"{number_of(lost, 'damaged file')} moved aside and not computed anew": lost,
        f"{number_of(len(aside) - lost, 'damaged file')} moved aside and computed anew: is the disk sound?": len(aside) - lost,
        f"{number_of(result.older, 'shard')} of an earlier version left out": result.older,
    }
    return [line for line, count in told.items() if count]
