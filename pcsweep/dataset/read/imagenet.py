"""The 1000 classes of ImageNet-1k: class k of a network is the k-th of the sorted WordNet identifiers (wnids)."""

from collections.abc import Mapping
from functools import cache


@cache
def wnids() -> tuple[str, ...]:
    """`wnids()[k]` is the wnid of class k, such as `n01440764`."""
    from timm.data import ImageNetInfo  # late: timm takes seconds to import

    return tuple(ImageNetInfo().label_names())


@cache
def class_names() -> tuple[str, ...]:
    """`class_names()[k]` names class k in words, its synonyms after commas, such as `tiger, Panthera tigris`."""
    from timm.data import ImageNetInfo

    return tuple(ImageNetInfo().label_descriptions())


@cache
def class_indices() -> Mapping[str, int]:
    """The class (0..999) of every wnid."""
    return {wnid: index for index, wnid in enumerate(wnids())}
