"""The 1000 classes of ImageNet-1k: class k of a network is the k-th of the sorted WordNet identifiers (wnids).

They are in a file beside this one, as timm and torchvision have them, since these take seconds to import.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def wnids() -> tuple[str, ...]:
    """`wnids()[k]` is the wnid of class k, such as `n01440764`."""
    return tuple(wnid for wnid, _, _ in _classes())


@cache
def short_names() -> tuple[str, ...]:
    """`short_names()[k]` names class k in a word or two, such as `tiger`, as torchvision does."""
    return tuple(short for _, short, _ in _classes())


@cache
def class_names() -> tuple[str, ...]:
    """`class_names()[k]` names class k in words, its synonyms after commas, such as `tiger, Panthera tigris`."""
    return tuple(words for _, _, words in _classes())


@cache
def class_indices() -> Mapping[str, int]:
    """The class (0..999) of every wnid."""
    return {wnid: index for index, wnid in enumerate(wnids())}


@cache
def _classes() -> tuple[tuple[str, str, str], ...]:
    """Of each class wnid, short name and synonyms."""
    rows = Path(__file__).with_name("imagenet_classes.tsv").read_text(encoding="utf-8").splitlines()
    return tuple((wnid, short, words) for wnid, short, words in (row.split("\t") for row in rows))
