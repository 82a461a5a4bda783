"""Under which noise cells were computed: the parameters of the noise that tell columns of panels apart."""

from collections.abc import Mapping, Sequence
from typing import Any

SEVERITY = "noise.severity"
SEED = "noise.seed"  # cells are averaged over it
OWN_UNITS = {"blur": "pixels' distance", "speckle": "each value's share"}  # of σ, by noises in which it is no value's
UNITS = {"normalized": "normalised images", "pixel": "pixels in [0, 1]"}  # by `noise.space`


def noise_axes(rows: Sequence[Mapping[str, Any]], facets: Sequence[str]) -> tuple[str, ...]:
    """The columns of the noise's parameters that vary among the cells, σ first; σ alone where none does. Of several noises the
    noise itself and its severity come before them.

    Args:
        rows: coordinates of cells.
        facets: their columns beside the axes, such as `noise.share`.
    """
    own = ["sigma", *filter(is_noise, facets)]
    if len({row["noise"] for row in rows}) > 1:  # which have severities, if anything, in common
        own = ["noise", *sorted(own, key=lambda name: name != SEVERITY)]
    names = tuple(own)
    return tuple(name for name in names if len({row[name] for row in rows}) > 1) or ("sigma",)


def is_noise(name: str) -> bool:
    """Whether a column says how strong or of what kind a noise is, beside its name."""
    return name == "sigma" or (name.startswith("noise.") and name != SEED)


def split_of(settings: Sequence[Mapping[str, Any]]) -> str:
    """Which part of the dataset was used, such as `validation`; nothing where it has no parts, or cells differ in it."""
    splits = {each["dataset"].get("split") for each in settings}
    return str(splits.pop() or "") if len(splits) == 1 else ""


def unit_of(settings: Sequence[Mapping[str, Any]]) -> str:
    """What σ is measured in, in words; nothing where no cell has a σ, or cells differ in it, which is then a column."""
    units = {sigma_unit(each["noise"]) for each in settings if each["noise"].get("sigma") is not None}
    return units.pop() if len(units) == 1 else ""


def sigma_unit(noise: Mapping[str, Any]) -> str:
    """What a noise's σ is measured in, in words, from its settings."""
    return OWN_UNITS.get(str(noise.get("name"))) or UNITS.get(str(noise.get("space")), "")
