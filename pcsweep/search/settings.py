"""The settings of a search, checked; `conf/config.yaml` explains them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import MOST_IMAGES, checked

GROUP = "search"  # the key of the configuration
Sampler = Literal["tpe", "cmaes", "gp", "random"]
Images = Annotated[int, Field(ge=1, le=MOST_IMAGES)]


@dataclass(frozen=True)
class SearchSettings:
    """What a search is asked for.

    Args:
        sampler: chooses the next trial.
        trials: of the whole search, those of earlier and of other commands included.
        objective: what is wanted, in words (`pcsweep.search.objective`); two for a Pareto front.
        images: on how many images a trial is measured first, then, …; None for half of the selection at once.
        keep: of so many trials that were measured on as many images, one goes on to more.
        parallel: trials that are under way at a time.
        per_pcoder: coefficients of which each pcoder has its own.
        resolution: to which coefficients from an interval are rounded.
        seed: of the sampler.
    """

    sampler: Sampler = "tpe"
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 50
    objective: tuple[str, ...] = ("iou gain at T",)
    images: tuple[Images, ...] | None = None
    keep: Annotated[int, Field(ge=2, le=1000)] = 3
    parallel: Literal["auto"] | Annotated[int, Field(ge=1, le=10_000)] = "auto"
    per_pcoder: tuple[str, ...] = ()
    resolution: Annotated[float, Field(gt=0, le=0.5)] = 0.001
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


def search_settings(values: Mapping[str, Any]) -> SearchSettings:
    """The settings of a configuration's `search`.

    Raises:
        BadSetting: a setting that there is not, or a value outside its range.
    """
    found = SearchSettings(**checked(SearchSettings, values, f"{GROUP}."))
    if found.images and list(found.images) != sorted(set(found.images)):
        raise BadSetting(f"Expected `search.images` to rise, such as [100,500,2000], but got {list(found.images)}.")
    if found.images == ():
        raise BadSetting("Expected `search.images` to be null or numbers of images, such as [100,500,2000], but got [].")
    if not 1 <= len(found.objective) <= 2:
        raise BadSetting(f"Expected `search.objective` to be one or two objectives, but got {len(found.objective)}.")
    if len(found.objective) == 2:
        _check_for_two(found)
    return found


def _check_for_two(settings: SearchSettings) -> None:
    """Refuses what needs one order of all trials."""
    if settings.sampler == "cmaes":
        raise BadSetting("Expected `search.sampler` to be tpe, gp or random for two objectives, but got 'cmaes'.")
    if settings.images and len(settings.images) > 1:
        raise BadSetting(
            "Expected `search.images` to be one number for two objectives, of which none says which trials stop early, but got "
            f"{list(settings.images)}."
        )
