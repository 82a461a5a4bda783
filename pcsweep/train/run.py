"""Trains what a configuration says, and writes the weights to a file."""

import json
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from pcsweep.config.schema import Choice
    from pcsweep.dataset import Dataset
    from pcsweep.model import Model
    from pcsweep.network import Coefficients
    from pcsweep.train.checkpoint import Checkpoint
    from pcsweep.train.phases import Record, Training
    from pcsweep.train.recipe import FeedbackRecipe, Recipe, TrainingOptions

_log = logging.getLogger(__name__)
_PLACES = ("output", "device")  # decide where, not what
_METADATA = "pcsweep.training"  # of the output: the settings that made it


def train(plain: "Mapping[str, Any]") -> Path:
    """Trains as `conf/train.yaml` says and returns the path of the weights.

    Resumes where an earlier run of the same settings was interrupted, with the same result to the bit; what it has finished is
    not done again.

    Raises:
        BadSetting: a value is wrong, or the output or a checkpoint beside it is there from another training.
    """
    from pcsweep.config.errors import BadSetting
    from pcsweep.config.schema import place

    output = Path(place(str(plain["output"]), "output"))
    if output.suffix != ".safetensors":
        raise BadSetting(f"Expected `output` to be a .safetensors file, but got {str(output)!r}.")
    try:
        prepared = _prepared(plain, output)
    except BadSetting:
        raise
    except ValueError as error:
        raise BadSetting(str(error)) from error
    if prepared is None:
        _log.info("Already trained: %s", output)
    else:
        _train(*prepared, output)
    return output


def _prepared(plain: "Mapping[str, Any]", output: Path) -> "tuple[Training, Checkpoint] | None":
    """The training and its checkpoint; `None` where the output is there already."""
    from pcsweep.train.checkpoint import Checkpoint

    material = _material(plain)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=output.parent):
            pass
    except OSError as error:
        raise ValueError(f"Expected `output` to be in a folder that can be written, but {output}: {error.strerror}.") from error
    checkpoint = Checkpoint(output.with_name(f"{output.name}.checkpoint"), _deciding(plain, material))
    if output.exists():
        _refuse_another(output, checkpoint)
        checkpoint.remove()
        return None
    checkpoint.load()  # refuses before any image is decoded
    return _training(plain, material), checkpoint


def _train(training: "Training", checkpoint: "Checkpoint", output: Path) -> None:
    state = checkpoint.load()
    if state is not None:
        epochs = (training.backbone if state["phase"] == "backbone" else training.feedback).epochs
        _log.info("Resuming after epoch %d of %d of the %s", state["epoch"] + 1, epochs, state["phase"])
    done = 0 if state is None else sum(map(len, state["losses"].values()))
    with _tensorboard(output.parent / "tensorboard" / output.stem, done) as record:
        losses = training.run(checkpoint.save, record, state)
    learned = training.coefficients.coefficients() if training.feedback.learn_coefficients else None
    _write(output, training.trained(), learned, checkpoint.text)
    checkpoint.remove()
    for phase, values in losses.items():
        _say(phase, values)


@dataclass(frozen=True, eq=False)
class _Material:
    """What is trained on what, before any image is decoded."""

    model: "Model"
    choice: "Choice"
    dataset: "Dataset"
    indices: list[int]
    cache: Path | None

    @property
    def images_sha256(self) -> str:
        """Of which images of which class there are, in order."""
        labels, names = self.dataset.class_indices, self.dataset.image_ids
        return sha256("\n".join(f"{labels[index]} {names[index]}" for index in self.indices).encode()).hexdigest()


def _material(plain: "Mapping[str, Any]") -> _Material:
    from pcsweep.config.extensions import named
    from pcsweep.config.schema import checked, choose
    from pcsweep.dataset import select
    from pcsweep.grid.classes import check_range, compared
    from pcsweep.grid.point import DatasetSettings, as_the_model_was_trained
    from pcsweep.model.build.feedback import to_be_trained

    options = _options(plain)
    with to_be_trained():
        model = choose("model", plain["model"], named(plain))()  # never a loaded one: training changes it
    settings = as_the_model_was_trained(plain["dataset"], model)
    taken: dict[str, Any] = {key: settings.pop(key) for key in ("limit", "cache") if key in settings}
    common = DatasetSettings(**checked(DatasetSettings, taken, "dataset."))
    choice = choose("dataset", settings, named(plain))
    dataset = choice()
    indices = sorted(select(dataset.class_indices, common.limit, options.seed))
    if _learns_from_labels(plain):
        check_range(dataset, len(model.class_names))
        compared(model, dataset)
    return _Material(model, choice, dataset, indices, common.cache)


def _recipes(plain: "Mapping[str, Any]") -> "tuple[Recipe, FeedbackRecipe]":
    from pcsweep.config.schema import checked
    from pcsweep.train.recipe import FeedbackRecipe, Recipe

    backbone = Recipe(**checked(Recipe, plain["backbone"], "backbone."))
    return backbone, FeedbackRecipe(**checked(FeedbackRecipe, plain["feedback"], "feedback."))


def _learns_from_labels(plain: "Mapping[str, Any]") -> bool:
    """Whether a class decides any loss; the reconstruction of an image asks for none, so that images of any classes do."""
    backbone, feedback = _recipes(plain)
    return backbone.epochs > 0 or (feedback.epochs > 0 and feedback.classification > 0)


def _options(plain: "Mapping[str, Any]") -> "TrainingOptions":
    from pcsweep.config.schema import checked
    from pcsweep.machine.device import check_device
    from pcsweep.train.recipe import TrainingOptions

    options = TrainingOptions(**checked(TrainingOptions, {key: plain[key] for key in ("seed", "device", "precision")}))
    check_device(options.device, options.precision)
    return options


def _deciding(plain: "Mapping[str, Any]", material: _Material) -> dict[str, Any]:
    """Everything that decides the result."""
    settings = {key: value for key, value in plain.items() if key not in _PLACES and not (key == "extensions" and not value)}
    told = {key: value for key, value in plain["model"].items() if (key, value) != ("num_classes", None)}
    settings["model"] = {**told, "weights_sha256": material.model.fingerprint}
    settings["dataset"] = {key: value for key, value in plain["dataset"].items() if key != "cache"}
    settings["dataset"]["images_sha256"] = material.images_sha256
    return settings


def _refuse_another(output: Path, checkpoint: "Checkpoint") -> None:
    """Unless the file is what this training wrote.

    Raises:
        ValueError: it is another's.
    """
    from pcsweep.model.build.weights import read

    settings = read(output).metadata.get(_METADATA)
    try:
        differing = "it does not say how it was made" if settings is None else checkpoint.differing(settings)
    except (ValueError, TypeError, AttributeError, RecursionError):
        differing = "what it says of how it was made cannot be read"
    if differing:
        raise ValueError(f"Expected `output` to be a new file, but {str(output)!r} is there, and {differing}. Choose another.")


def _training(plain: "Mapping[str, Any]", material: _Material) -> "Training":
    import torch

    from pcsweep.config.errors import BadSetting
    from pcsweep.dataset.read.decoding import decode
    from pcsweep.machine.device import device_of
    from pcsweep.network import Coefficients
    from pcsweep.pcoder import USUAL
    from pcsweep.pcoder.settings import pcoder_settings
    from pcsweep.train.phases import Training
    from pcsweep.train.simplex import LearnedCoefficients

    options, model = _options(plain), material.model
    backbone, feedback = _recipes(plain)
    pcoders, count = pcoder_settings(plain["pcoder"]), len(model.network.stages)
    if pcoders.rule.name != USUAL:
        raise BadSetting(f"Expected `pcoder` to have feedback, which is what is trained, but got the rule {pcoders.rule.name}.")
    beta, lambda_, alpha = zip(*pcoders.rules(count, model.coefficients), strict=True)
    active = pcoders.numbers(count)
    start = Coefficients(beta, lambda_, alpha).restricted_to(active, count)
    learned = active if feedback.learn_coefficients else ()
    decoded = decode(material.dataset, material.indices, material.choice.describe(), material.cache)
    device = device_of(options.device)
    model.network.to(device)
    return Training(
        model=model,
        images=decoded.images,
        labels=torch.tensor(decoded.class_indices),
        backbone=backbone,
        feedback=feedback,
        coefficients=LearnedCoefficients(start, count, learned).to(device),
        precision=options.precision,
        generator=torch.Generator().manual_seed(options.seed),
    )


@contextmanager
def _tensorboard(folder: Path, done: int) -> "Iterator[Record]":
    """Gives a function that writes numbers of a step for TensorBoard; those of steps after `done` are replaced."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=done + 1)

    def record(step: int, numbers: "Mapping[str, float]") -> None:
        for name, number in numbers.items():
            writer.add_scalar(name, number, step)

    try:
        yield record
    finally:
        writer.close()


def _write(output: Path, tensors: "Mapping[str, Tensor]", learned: "Coefficients | None", settings: str) -> None:
    from safetensors.torch import save_file

    from pcsweep.machine.files import replacing
    from pcsweep.model.build.weights import metadata

    with replacing(output) as path:
        path.touch()
        mode = path.stat().st_mode  # as the user's umask says; save_file would leave the file to its owner alone
        described = {**(metadata(learned) or {}), _METADATA: settings}
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, path, described)
        _sort_header(path)
        path.chmod(mode)
    whole = not all(name.startswith("predictors.") for name in tensors)
    _log.info("Wrote %s; use it with model.%s=%s", output, "weights" if whole else "feedback_weights", output)
    if learned is not None:
        _log.info("Learned coefficients, for hyperparameter=model: %s", learned)


def _sort_header(path: Path) -> None:
    """safetensors writes its metadata in an order of chance; sorted, the same weights make the same file."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.dumps(json.loads(file.read(size)), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(header) <= size  # the same words in another order
        file.seek(8)
        file.write(header.ljust(size))


def _say(what: str, losses: list[float]) -> None:
    if losses:
        tail = losses[-50:]
        _log.info("%s: loss %.4f at the start, %.4f at the end", what, losses[0], sum(tail) / len(tail))
