"""The section of the page about a search: sentences, its table, and what its plots draw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pcsweep.aggregate.search import columns_of, rows_of, title_of
from pcsweep.report.tables import Table
from pcsweep.study.labels import Row

if TYPE_CHECKING:
    from pcsweep.search.estimate import Estimate
    from pcsweep.search.record import TrialRecord
    from pcsweep.search.told import SearchShown

MOST = 3000  # trials that the plots draw; of more, the best and the last


@dataclass(frozen=True)
class SearchSection:
    """What is said of a search."""

    sentences: list[str]
    title: str
    best: Table


def search_section(search: "SearchShown | None") -> SearchSection | None:
    """None of a study without one."""
    if search is None:
        return None
    from pcsweep.search.told import sentences

    record = search.record
    return SearchSection(list(sentences(search)), title_of(record), Table(columns_of(record), list(rows_of(record))))


def search_drawn(search: "SearchShown | None", cells: Sequence[Row]) -> dict[str, Any] | None:
    """What the script draws of a search; null where undefined.

    Args:
        search: of the study.
        cells: of the page, in their order, by which trials name theirs.
    """
    if search is None:
        return None
    from pcsweep.search.told import coefficients_said, so_far, symbol

    record = search.record
    places = {shard: place for place, row in enumerate(cells) for shard in row["shards"].split()}
    measured = [each for each in record.trials if each.state in ("complete", "pruned") and each.estimates]
    trials = [each for place, each in enumerate(measured) if place >= len(measured) - MOST or each.number in record.best]
    return {
        "objectives": [
            {"label": words, "lower": direction == "minimize"}
            for words, direction in zip(record.terms.objectives, record.directions, strict=True)
        ],
        "images": record.terms.images[-1],
        "coefficients": [
            {"key": key, "symbol": symbol(key), "low": float(low), "high": float(high)}
            for key, (low, high, *_) in record.terms.space.items()
        ],
        "importance": [
            [_rounded(shares.get(key, 0.0)) for key in record.terms.space] if shares else None for shares in search.importance
        ],
        "best": list(record.best),
        "soFar": [
            [[number, _rounded(value)] for number, value in so_far(record, each)] for each in range(len(record.directions))
        ],
        "trials": [
            {**_trial(each, list(record.terms.space), places), "told": coefficients_said(each.coefficients)} for each in trials
        ],
    }


def _trial(trial: "TrialRecord", keys: Sequence[str], places: dict[str, int]) -> dict[str, Any]:
    return {
        "number": trial.number,
        "early": trial.state != "complete",
        "images": trial.images,
        "at": [_rounded(trial.coefficients.get(key, math.nan)) for key in keys],
        "values": [_estimate(each) for each in trial.estimates],
        "confirmed": [_estimate(each) for each in trial.confirmed],
        "cell": next((places[each] for each in trial.identities if each in places), None),
    }


def _estimate(estimate: "Estimate") -> dict[str, Any]:
    low, high = estimate.interval
    numbers = {"value": estimate.value, "error": estimate.error, "low": low, "high": high}
    return {
        **{name: _rounded(value) for name, value in numbers.items()},
        "images": estimate.images,
        "timestep": estimate.timestep,
    }


def _rounded(value: float) -> float | None:
    """Five digits; None for NaN, which JSON does not have."""
    return float(f"{value:.5g}") if math.isfinite(value) else None
