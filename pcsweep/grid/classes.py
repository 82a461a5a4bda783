"""What the classes of a dataset and of a network are called, compared: class k must mean the same on both sides.

WordNet identifiers (wnids) are compared exactly. Words are compared by their synonyms, without regard to case and punctuation.
They contradict each other only where there is no doubt: the dataset's word is another class of the network's, or it is from a
closed list (wnids, ImageNet's names, the generated shapes) and has no word in common with the network's.
"""

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache

from pcsweep.dataset import Images
from pcsweep.dataset.read import imagenet
from pcsweep.dataset.shapes import Shapes
from pcsweep.machine.threads import listed
from pcsweep.model import Model

_log = logging.getLogger(__name__)

_WNID = re.compile(r"n\d{8}")
_NAMED = 3  # classes in a message
_IMAGENET = 1000  # classes; asked first, since their names take seconds to import


@dataclass(frozen=True)
class ClassName:
    """What one side calls a class.

    Args:
        text: for messages.
        wnid: where there is one.
        synonyms: in small letters and digits, single spaces between words.
        closed: whether the text is from a list that names every class it could be.
    """

    text: str
    wnid: str | None
    synonyms: frozenset[str]
    closed: bool

    @cached_property
    def words(self) -> frozenset[str]:
        """Of all synonyms."""
        return frozenset(word for synonym in self.synonyms for word in synonym.split())

    def same(self, other: "ClassName") -> bool:
        """Whether both name one class."""
        if self.wnid and other.wnid:
            return self.wnid == other.wnid
        return bool(self.synonyms & other.synonyms)


def check_range(dataset: Images, count: int) -> None:
    """Unless every class of the dataset is one of the network's `count`.

    Raises:
        ValueError: images of other classes; names them.
    """
    if foreign := {number for number in dataset.class_indices if not 0 <= number < count}:
        pairs = zip(dataset.image_ids, dataset.class_indices, strict=True)
        names = listed([f"{number} ({name})" for name, number in pairs if number in foreign])
        raise ValueError(f"Expected a dataset of classes 0 to {count - 1}, the model's, but got {names}.")


def compared(model: Model, dataset: Images) -> str:
    """What is known of whether class k means the same to both, in one line; logged once where it is not all.

    Raises:
        ValueError: it does not; names the first classes that differ.
    """
    network, images = _of_network(model), _of_dataset(dataset)
    classes = sorted(set(dataset.class_indices))
    vocabulary = frozenset(synonym for name in network.values() for synonym in name.synonyms)
    agreed: list[int] = []
    unclear: list[int] = []
    different: list[int] = []
    for number in classes:
        theirs, ours = images.get(number), network.get(number)
        if theirs is None or ours is None:
            unclear.append(number)
        elif theirs.same(ours):
            agreed.append(number)
        else:
            (different if _contradicts(theirs, ours, vocabulary) else unclear).append(number)
    if different:
        pairs = [(number, images[number].text, network[number].text) for number in different[:_NAMED]]
        shown = ", ".join(f"{number} is {theirs!r} there and {ours!r} here" for number, theirs, ours in pairs)
        raise ValueError(
            "Expected `dataset` and `model` to mean the same by the number of a class, but of the dataset's "
            f"{len(classes)} classes {len(different)} are others in the network: {shown}"
            f"{', …' if different[_NAMED:] else ''}. Choose a network for these classes (with a head of your own: model=timm, "
            "`model.num_classes` and `model.weights`), another dataset, or other words for its classes if they mean the same."
        )
    if not unclear:
        return f"dataset and network name the same {len(agreed)} classes"
    told = f"{_reason(network, images, len(unclear), len(classes))}: numbers are taken on trust"
    _say(told)
    return told


@lru_cache
def _say(told: str) -> None:
    """Once in a process."""
    _log.warning("Classes: %s.", told)


def _reason(network: Mapping[int, ClassName], images: Mapping[int, ClassName], unclear: int, count: int) -> str:
    if not network:
        return "the network has no class names to compare with the dataset's"
    if not images:
        return "the dataset has no class names to compare with the network's"
    return f"{unclear} of the dataset's {count} class names cannot be compared with the network's"


def _contradicts(theirs: ClassName, ours: ClassName, vocabulary: Set[str]) -> bool:
    """Whether two names that are not the same cannot be of one class; `vocabulary` is of all the network's classes."""
    if theirs.wnid and ours.wnid:
        return True
    if theirs.words & ours.words:
        return False
    return theirs.closed or bool(theirs.synonyms & vocabulary)


def _of_network(model: Model) -> dict[int, ClassName]:
    """By number; those that are numbers alone are left out."""
    wnids: Sequence[str | None] = model.wnids or [None] * len(model.class_names)
    pairs = enumerate(zip(model.class_names, wnids, strict=True))
    return {number: _name(text, wnid) for number, (text, wnid) in pairs if wnid or text != str(number)}


def _of_dataset(dataset: Images) -> dict[int, ClassName]:
    """By number; left out are numbers alone, and words that stand for more than one class."""
    names, present = dataset.class_names, sorted(set(dataset.class_indices))
    if len(names) == _IMAGENET and tuple(names) == imagenet.class_names():
        return {number: _name(names[number], imagenet.wnids()[number]) for number in present}
    closed = tuple(names) == tuple(Shapes().class_names)
    given = {number: names[number] for number in present if number < len(names) and names[number] != str(number)}
    often = Counter(given.values())
    return {number: _name(text, None, closed) for number, text in given.items() if often[text] == 1}


def _name(text: str, wnid: str | None, closed: bool = False) -> ClassName:
    if wnid is None and _WNID.fullmatch(text.strip()):
        wnid = text.strip()
    described = [text]
    if wnid and wnid in imagenet.class_indices():
        described.append(imagenet.class_names()[imagenet.class_indices()[wnid]])
    synonyms = {_plain(synonym) for each in described for synonym in each.split(",")} - {""}
    shown = f"{wnid} {described[-1]}" if wnid else text
    return ClassName(shown, wnid, frozenset(synonyms), closed or wnid is not None)


def _plain(synonym: str) -> str:
    return " ".join(re.findall(r"\w+", synonym.casefold().replace("_", " ")))
