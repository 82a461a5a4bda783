"""What grid points share, loaded once and passed along: models, datasets, and the selected images of these."""

import hashlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import Choice, whose
from pcsweep.dataset import Dataset, Images, Keeping, Sample, select
from pcsweep.dataset.read.decoding import decode
from pcsweep.machine.threads import gathered
from pcsweep.model import Model

if TYPE_CHECKING:
    from pcsweep.grid.identified import SharedSettings
    from pcsweep.grid.point import GridPoint

T = TypeVar("T")
_SELECTIONS = 8  # kept; of models, datasets and decoded images, which are large, only the last
_OF_IMAGES = ("class_names", "image_ids", "class_indices", "__len__")


class Loaded:
    """Models and datasets by what chose them, each made when it is first asked for, and what is known of their images.

    Every command, and every task, has one of its own, and hands it to whoever needs what is in it. What was refused is refused
    again without another look. Only the last model, dataset and decoded images are kept, so points are ordered by them.
    """

    def __init__(self) -> None:
        self._models = lru_cache(1)(_or_why_not(_model))
        self._datasets = lru_cache(1)(_or_why_not(_dataset))
        self.selection = lru_cache(_SELECTIONS)(self._selection)
        self.first_sample = lru_cache(_SELECTIONS)(self._first_sample)
        self._without_objects = lru_cache(_SELECTIONS)(self._why_without_objects)
        self._hashes = lru_cache(_SELECTIONS)(self._hashed)
        self._samples: dict[tuple[int, ...], Sequence[Sample] | str] = {}  # parts of one dataset
        self._sampled: tuple[Choice, Path | None] | None = None  # that dataset
        self.tried = set[Any]()  # what needs no second trial
        self.like: dict[bytes, GridPoint] = {}  # points that were found right, by all that is asked for beside the pcoder group
        self.others: dict[tuple[Any, ...], SharedSettings] = {}  # what points share of their identities, by what they share

    def model(self, choice: Choice) -> Model:
        """The model that a choice makes.

        Raises:
            BadSetting: it makes none.
        """
        return _unless_refused(self._models(choice))

    def dataset(self, choice: Choice) -> Dataset:
        """The dataset that a choice makes.

        Raises:
            BadSetting: it makes none, or one without masks.
        """
        return _unless_refused(self._datasets(choice))

    def check_objects(self, dataset: Choice, limit: int | None, seed: int) -> None:
        """That one of the images shows its object at least.

        Raises:
            BadSetting: none does, so that every metric would be undefined; says why.
        """
        if why := self._without_objects(dataset, limit, seed):
            raise BadSetting(why)

    def described(self, dataset: Choice, limit: int | None, seed: int) -> dict[str, Any]:
        """How many images are selected, and a hash of which ones, of which class and content.

        Raises:
            BadSetting: files that cannot be used, all of them named.
        """
        found = _unless_refused(self._hashes(dataset, limit, seed))
        return {"count": len(self.selection(dataset, limit, seed)), "images_sha256": found.hex()}

    def samples(self, dataset: Choice, indices: tuple[int, ...], cache: Path | None) -> Sequence[Sample]:
        """The samples with these indices, decoded.

        Raises:
            BadSetting: images that cannot be used, all of them named.
        """
        if self._sampled != (dataset, cache):
            self._samples.clear()
            self._sampled = (dataset, cache)
        if any(not set(indices).isdisjoint(part) for part in self._samples if part != indices):
            self._samples.clear()  # no image is kept twice
        if indices not in self._samples:
            self._samples[indices] = self._decoded(dataset, indices, cache)
        return _unless_refused(self._samples[indices])

    def _selection(self, dataset: Choice, limit: int | None, seed: int) -> tuple[int, ...]:
        """Indices of the selected images."""
        return tuple(select(self.dataset(dataset).class_indices, limit, seed))

    def _first_sample(self, dataset: Choice, limit: int | None, seed: int) -> Sample:
        """The first selected image, decoded.

        Raises:
            BadSetting: it or others cannot be used; all of them are named.
        """
        try:
            return self.dataset(dataset)[self.selection(dataset, limit, seed)[0]]
        except ValueError as error:
            self.described(dataset, limit, seed)
            raise BadSetting(str(error)) from error

    def _why_without_objects(self, dataset: Choice, limit: int | None, seed: int) -> str:
        """Empty as soon as an image with an object is found, which is the first, as a rule."""
        made, indices = self.dataset(dataset), self.selection(dataset, limit, seed)
        hidden, empty = 0, 0
        for place, index in enumerate(indices):
            try:
                sample = made[index] if place else self.first_sample(dataset, limit, seed)
            except ValueError:  # said where the images are looked through or decoded
                return ""
            if bool((sample.mask & ~sample.ignore).any()):
                return ""
            hidden, empty = hidden + bool(sample.ignore.any()), empty + (not sample.ignore.any())
        value = dataset.arguments.get("ignore_value")
        ignored = "" if value is None else f" (`dataset.ignore_value` is {value})"
        reasons = [f"in {hidden} all that is no background is left out of every metric{ignored}"] if hidden else []
        reasons += [f"in {empty} the mask is empty, or its object lies outside the square that is cut out"] if empty else []
        return (
            "Expected images that show their objects, without which every metric is undefined,"
            f" but of the {len(indices)} selected images none does: {', '.join(reasons)}."
        )

    def _hashed(self, dataset: Choice, limit: int | None, seed: int) -> bytes | str:
        """The hash, or why there is none."""
        made, indices = self.dataset(dataset), self.selection(dataset, limit, seed)
        try:
            digests = list(gathered(made.digest, indices, "hashing images"))
        except ValueError as error:
            return str(error)
        finally:
            if isinstance(made, Keeping):
                made.keep()
        named = zip(indices, digests, strict=True)
        text = "\n".join(f"{made.class_indices[index]} {made.image_ids[index]} {content}" for index, content in named)
        return hashlib.sha256(text.encode()).digest()

    def _decoded(self, dataset: Choice, indices: tuple[int, ...], cache: Path | None) -> Sequence[Sample] | str:
        """The samples, or why there are none."""
        try:
            return decode(self.dataset(dataset), indices, dataset.describe(), cache)
        except ValueError as error:
            return str(error)


def _or_why_not(make: Callable[[Choice], T]) -> Callable[[Choice], T | str]:
    """Returns what is made, or why it is refused."""

    def made(choice: Choice) -> T | str:
        try:
            return make(choice)
        except BadSetting as error:
            return str(error)

    return made


def _unless_refused(found: T | str) -> T:
    if isinstance(found, str):
        raise BadSetting(found)
    return found


def _model(choice: Choice) -> Model:
    made = choice()
    if not isinstance(made, Model):
        raise BadSetting(f"Expected {whose(choice.function)} to return a pcsweep.model.Model, but got a {type(made).__name__}.")
    return made


def _dataset(choice: Choice) -> Dataset:
    made = choice()
    if not isinstance(made, Images):
        lacking = ", ".join(name for name in (*_OF_IMAGES, "digest", "stamp", "__getitem__") if not hasattr(made, name))
        raise BadSetting(f"Expected {whose(choice.function)} to be a pcsweep.dataset.Dataset, but it lacks {lacking}.")
    if not isinstance(made, Dataset):
        raise BadSetting(
            f"Expected `dataset` to be one with masks, without which no IoU is measured, but {choice.name} has none: it is for "
            "pcsweep.train. With masks, of ImageNet's classes as well: dataset=imagenet_s."
        )
    return made
