"""`python -m pcsweep.train`: trains a model's predictors, and its backbone if asked to, and writes their weights to a file."""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra

from pcsweep.__main__ import conf_folder, guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from omegaconf import DictConfig
    from torch import Tensor

    from pcsweep.network import Coefficients
    from pcsweep.training import Record, Training

_log = logging.getLogger(__name__)
_PLACES = ("output", "device")  # decide where, not what


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="train")
def _run(config: "DictConfig") -> None:
    from pcsweep.settings import refusing
    from pcsweep.train import train

    with refusing():
        train(config)


def train(config: "DictConfig") -> Path:
    """Trains as `conf/train.yaml` says and returns the path of the weights.

    Resumes where an earlier run of the same settings was interrupted, with the same result to the bit.

    Raises:
        BadSetting: a value is wrong, the output is there already, or there is a checkpoint of another training beside it.
    """
    from omegaconf import OmegaConf

    from pcsweep.checkpoint import Checkpoint
    from pcsweep.settings import BadSetting

    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)  # a DictConfig
    plain: dict[str, Any] = {str(key): value for key, value in container.items()}
    output = Path(str(plain["output"]))
    if output.exists():
        raise BadSetting(f"Expected `output` to be a new file, but {str(output)!r} is there: delete it, or choose another.")
    checkpoint = Checkpoint(
        output.with_name(f"{output.name}.checkpoint"), {key: value for key, value in plain.items() if key not in _PLACES}
    )
    try:
        state = checkpoint.load()
        training = _training(plain)
    except ValueError as error:
        raise BadSetting(str(error)) from error
    if state is not None:
        _log.info("Resuming after epoch %d of the %s", state["epoch"] + 1, state["phase"])
    done = 0 if state is None else sum(map(len, state["losses"].values()))
    with _tensorboard(output.parent / "tensorboard" / output.stem, done) as record:
        losses = training.run(checkpoint.save, record, state)
    learned = training.coefficients.coefficients() if training.feedback.learn_coefficients else None
    _write(output, training.trained(), learned)
    checkpoint.remove()
    for phase, values in losses.items():
        _say(phase, values)
    return output


def _training(plain: "Mapping[str, Any]") -> "Training":
    import torch

    from pcsweep.coefficients import pcoder_settings
    from pcsweep.grid import as_the_model_was_trained, check_device, device_of, load_model
    from pcsweep.network import Coefficients
    from pcsweep.recipe import FeedbackRecipe, Options, Recipe
    from pcsweep.settings import checked, choose
    from pcsweep.simplex import LearnedCoefficients
    from pcsweep.training import Training

    options = Options(**checked(Options, {key: plain[key] for key in ("seed", "device", "precision")}))
    check_device(options.device, options.precision)
    backbone = Recipe(**checked(Recipe, plain["backbone"], "backbone."))
    feedback = FeedbackRecipe(**checked(FeedbackRecipe, plain["feedback"], "feedback."))
    model = load_model(choose("model", plain["model"]))
    beta, lambda_, alpha = zip(*pcoder_settings(plain["pcoder"]).rules(model), strict=True)
    images, labels = _images(as_the_model_was_trained(plain["dataset"], model), options.seed)
    if labels.max() >= len(model.class_names):
        raise ValueError(f"Expected a dataset of the model's {len(model.class_names)} classes, but got class {labels.max()}.")
    model.network.to(device_of(options.device))
    return Training(
        model=model,
        images=images,
        labels=labels,
        backbone=backbone,
        feedback=feedback,
        coefficients=LearnedCoefficients(Coefficients(beta, lambda_, alpha), len(beta)).to(device_of(options.device)),
        precision=options.precision,
        generator=torch.Generator().manual_seed(options.seed),
    )


def _images(settings: dict[str, Any], seed: int) -> "tuple[Tensor, Tensor]":
    """The images in 8 bits and their classes, in the order of the dataset."""
    import torch

    from pcsweep.dataset import select
    from pcsweep.decoding import decode
    from pcsweep.grid import DatasetSettings, load_dataset
    from pcsweep.settings import checked, choose

    taken: dict[str, Any] = {key: settings.pop(key) for key in ("limit", "cache") if key in settings}
    common = DatasetSettings(**checked(DatasetSettings, taken, "dataset."))
    choice = choose("dataset", settings)
    dataset = load_dataset(choice)
    indices = sorted(select(dataset.class_indices, common.limit, seed))
    decoded = decode(dataset, indices, choice.describe(), common.cache)
    return decoded.images, torch.tensor(decoded.class_indices)


@contextmanager
def _tensorboard(folder: Path, done: int) -> "Iterator[Record]":
    """Gives a function that writes numbers of a step for TensorBoard; those of steps after `done` are replaced."""
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)

    def record(step: int, numbers: "Mapping[str, float]") -> None:
        for name, number in numbers.items():
            writer.add_scalar(name, number, step)

    try:
        yield record
    finally:
        writer.close()


def _write(output: Path, tensors: "Mapping[str, Tensor]", learned: "Coefficients | None") -> None:
    from safetensors.torch import save_file

    from pcsweep.atomic import replacing
    from pcsweep.weights import metadata

    with replacing(output) as path:
        path.touch()
        mode = path.stat().st_mode  # as the user's umask says; save_file would leave the file to its owner alone
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, path, metadata(learned))
        path.chmod(mode)
    whole = not all(name.startswith("predictors.") for name in tensors)
    _log.info("Wrote %s; use it with model.%s=%s", output, "weights" if whole else "feedback_weights", output)
    if learned is not None:
        _log.info("Learned coefficients, for hyperparameter=model: %s", learned)


def _say(what: str, losses: list[float]) -> None:
    if losses:
        tail = losses[-50:]
        _log.info("%s: loss %.4f at the start, %.4f at the end", what, losses[0], sum(tail) / len(tail))


def main() -> None:
    """The command."""
    guarded(_run, "train", "Every finished epoch is kept; to go on, give the same command again:\n ")


if __name__ == "__main__":
    main()
