"""What a configuration asks to be trained, and on which images: all that can be refused before any image is decoded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pcsweep.config.errors import BadSetting
from pcsweep.config.extensions import named
from pcsweep.config.schema import Choice, checked, choose
from pcsweep.dataset import Dataset, Images, Sample, select
from pcsweep.dataset.read.decoding import decode
from pcsweep.grid.classes import check_range, compared
from pcsweep.grid.point import DatasetSettings, as_the_model_was_trained
from pcsweep.machine.device import check_device
from pcsweep.machine.threads import cpus
from pcsweep.model import Model
from pcsweep.model.build.feedback import to_be_trained
from pcsweep.network import Coefficients
from pcsweep.pcoder import USUAL
from pcsweep.pcoder.settings import pcoder_settings
from pcsweep.train.devices import check_devices, sharing
from pcsweep.train.images import Changes, Stream
from pcsweep.train.learned import Learned, Streams
from pcsweep.train.order import Order
from pcsweep.train.recipe import FeedbackRecipe, Recipe, TrainingOptions
from pcsweep.train.simplex import LearnedCoefficients
from pcsweep.train.standing import PHASES

_SPLITS = ("split", "image_set")  # what datasets call the setting that chooses a part of them
_MOST_WORKERS = 16
_OPTIONS = tuple(TrainingOptions.__dataclass_fields__)


@dataclass(frozen=True, eq=False)
class Chosen:
    """Images of a dataset.

    Args:
        choice: of the dataset.
        images: made.
        indices: of those that are used.
        cache: a folder for decoded images, if any.
    """

    choice: Choice
    images: Images
    indices: Sequence[int]
    cache: Path | None

    @property
    def sha256(self) -> str:
        """Of which images of which class there are, in order."""
        digest, labels, names = sha256(), self.images.class_indices, self.images.image_ids
        for index in self.indices:
            digest.update(f"{labels[index]} {names[index]}\n".encode())
        return digest.hexdigest()

    def source(self, in_memory: bool) -> tuple[Images | Sequence[Sample], Sequence[int]]:
        """Where a stream finds them, and under which indices."""
        if not in_memory and self.cache is None:
            return self.images, self.indices
        if not isinstance(self.images, Dataset):
            raise BadSetting(
                f"Expected `in_memory` to be false and `dataset.cache` null with {self.choice.name}, which is streamed."
            )
        return decode(self.images, list(self.indices), self.choice.describe(), self.cache), range(len(self.indices))


@dataclass(frozen=True, eq=False)
class Material:
    """What is trained on what, before any image is decoded."""

    model: Model
    options: TrainingOptions
    backbone: Recipe
    feedback: FeedbackRecipe
    train: Chosen
    held_out: Chosen | None

    def recipe(self, phase: str) -> Recipe:
        """Of a phase."""
        return self.backbone if phase == "backbone" else self.feedback

    def order(self, phase: str) -> Order:
        """Of a phase's steps."""
        recipe, options = self.recipe(phase), self.options
        shared = (len(self.train.indices), recipe.batch_size, options.processes, options.accumulate)
        return Order(*shared, drop_last=recipe.drop_last, seed=options.seed, name=phase)


def material(plain: Mapping[str, Any]) -> Material:
    """What the configuration asks for.

    Raises:
        ValueError: a value that is wrong.
    """
    options = TrainingOptions(**checked(TrainingOptions, {key: plain[key] for key in _OPTIONS if key in plain}))
    check_device(options.device, options.precision)
    check_devices(options)
    backbone = Recipe(**checked(Recipe, plain["backbone"], "backbone."))
    feedback = FeedbackRecipe(**checked(FeedbackRecipe, plain["feedback"], "feedback."))
    if options.compile and not (feedback.epochs and feedback.reconstruction):
        raise BadSetting(
            "Expected `compile` to be false where `feedback.epochs` or `feedback.reconstruction` is 0, since it compiles the "
            "reconstruction error alone, but got true."
        )
    if feedback.closed_form and options.processes > 1:
        raise BadSetting(
            f"Expected one device with `feedback.closed_form`, one pass over the images, but got {options.processes}; to train "
            "further on several, give its file to another training as model.feedback_weights=FILE."
        )
    with to_be_trained():
        model = choose("model", plain["model"], named(plain))()  # never a loaded one: training changes it
    train = _chosen(plain, plain["dataset"], model, options.seed)
    train, held_out = _parted(plain, train, model, options)
    by_label = backbone.epochs > 0 or (feedback.epochs > 0 and feedback.classification > 0)
    for chosen in (train, held_out) if by_label else ():  # the reconstruction of an image asks for no label
        if chosen is not None:
            check_range(chosen.images, len(model.class_names))
            compared(model, chosen.images)
    return Material(model, options, backbone, feedback, train, held_out)


def _chosen(plain: Mapping[str, Any], dataset: Mapping[str, Any], model: Model, seed: int) -> Chosen:
    settings = as_the_model_was_trained(dataset, model)
    taken: dict[str, Any] = {key: settings.pop(key) for key in ("limit", "cache") if key in settings}
    common = DatasetSettings(**checked(DatasetSettings, taken, "dataset."))
    choice = choose("dataset", settings, named(plain))
    images: Images = choice()
    indices: Sequence[int] = range(len(images))
    if common.limit is not None:
        indices = sorted(select(images.class_indices, common.limit, seed))
    return Chosen(choice, images, indices, common.cache)


def _parted(plain: Mapping[str, Any], train: Chosen, model: Model, options: TrainingOptions) -> tuple[Chosen, Chosen | None]:
    """What is learned from, and what is held out."""
    validation = options.validation
    if validation is None:
        return train, None
    if isinstance(validation, float):
        return _shared(train, validation, options.seed)
    key = next((key for key in _SPLITS if key in plain["dataset"]), None)
    if not isinstance(validation, str):
        changed = dict(validation)
    elif key is None:
        raise BadSetting(
            "Expected `validation` to be a share such as 0.05, or settings of the dataset such as '{root: /data/other}', since "
            f"{train.choice.name} has no splits, but got {validation!r}."
        )
    else:
        changed = {key: validation, "limit": None}
    held_out = _chosen(plain, {**plain["dataset"], **changed}, model, options.seed)
    if held_out.choice == train.choice:
        raise BadSetting(f"Expected `validation` to be other images than those of the training, but got {validation!r}.")
    return train, held_out


def _shared(train: Chosen, share: float, seed: int) -> tuple[Chosen, Chosen]:
    """A share of the images, of every class alike, is held out."""
    count = round(share * len(train.indices))
    if not 0 < count < len(train.indices):
        raise BadSetting(
            f"Expected `validation` to leave images on both sides, but a share of {share} of {len(train.indices)} is {count}."
        )
    labels = train.images.class_indices
    places = np.zeros(len(train.indices), dtype=bool)
    places[select([labels[index] for index in train.indices], count, seed)] = True
    indices = np.asarray(train.indices)
    return replace(train, indices=indices[~places].tolist()), replace(train, indices=indices[places].tolist())


def learned(found: Material, plain: Mapping[str, Any]) -> Learned:
    """What is trained, with the dynamics that classification starts from.

    Raises:
        BadSetting: an update rule without feedback.
    """
    pcoders, count = pcoder_settings(plain["pcoder"]), len(found.model.network.stages)
    if pcoders.rule.name != USUAL:
        raise BadSetting(f"Expected `pcoder` to have feedback, which is what is trained, but got the rule {pcoders.rule.name}.")
    beta, lambda_, alpha = zip(*pcoders.rules(count, found.model.coefficients), strict=True)
    active = pcoders.numbers(count)
    start = Coefficients(beta, lambda_, alpha).restricted_to(active, count)
    coefficients = LearnedCoefficients(start, count, active if found.feedback.learn_coefficients else ())
    return Learned(found.model, coefficients, found.backbone, found.feedback)


def streams(found: Material) -> dict[str, Streams]:
    """Of every phase that has epochs."""
    options = found.options
    source, indices = found.train.source(options.in_memory)
    measured = None if found.held_out is None else found.held_out.source(options.in_memory)
    workers = _workers(options, found.train.cache)
    made = {}
    for phase in PHASES:
        recipe = found.recipe(phase)
        if not recipe.runs:
            continue
        changes = Changes(options.seed, recipe.noise, options.least_area, options.flip)
        replacing = options.damaged == "replace"
        held_out = None if measured is None else Stream(*measured, Changes(options.seed, recipe.noise), replacing)
        made[phase] = Streams(Stream(source, indices, changes, replacing), held_out, found.order(phase), workers)
    return made


def _workers(options: TrainingOptions, cache: Path | None) -> int:
    """For each device."""
    if options.workers == "auto":
        kept = options.in_memory or cache is not None
        return 0 if kept else max(1, min(_MOST_WORKERS, cpus() // sharing(options)))
    return -(-options.workers // options.devices)
