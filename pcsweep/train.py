"""`python -m pcsweep.train`: from a model's random weights to a file of trained ones."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import hydra

from pcsweep.__main__ import conf_folder, guarded

if TYPE_CHECKING:
    from omegaconf import DictConfig

_log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="train")
def _run(config: "DictConfig") -> None:
    from pcsweep.settings import refusing
    from pcsweep.train import train

    with refusing():
        train(config)


def train(config: "DictConfig") -> Path:
    """Trains as `conf/train.yaml` says and returns the path of the weights.

    Raises:
        BadSetting: a value is wrong.
    """
    import torch
    from omegaconf import OmegaConf
    from safetensors.torch import save_file

    from pcsweep.atomic import replacing
    from pcsweep.dataset import Dataset
    from pcsweep.grid import load_dataset, load_model
    from pcsweep.settings import checked, choose
    from pcsweep.training import Recipe, load, train_backbone, train_predictors

    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)  # a DictConfig
    recipes = {part: Recipe(**checked(Recipe, plain[part], f"{part}.")) for part in ("backbone", "feedback")}
    plain["dataset"].pop("limit", None)
    plain["dataset"].pop("cache", None)
    model, dataset = load_model(choose("model", plain["model"])), load_dataset(choose("dataset", plain["dataset"]))
    assert isinstance(dataset, Dataset)
    output = Path(str(plain["output"]))
    generator = torch.Generator().manual_seed(int(plain["seed"]))
    images, labels = load(dataset)
    losses = train_backbone(model, images, labels, recipes["backbone"], generator)
    _say("backbone, cross-entropy", losses)
    losses = train_predictors(model, images, recipes["feedback"], generator)
    _say("predictors, squared error", losses)
    with replacing(output) as path:
        save_file(model.network.state_dict(), path)
    _log.info("Wrote %s; use it with model.weights=%s", output, output)
    return output


def _say(what: str, losses: list[float]) -> None:
    if losses:
        tail = losses[-50:]
        _log.info("%s: %.4f at the start, %.4f at the end", what, losses[0], sum(tail) / len(tail))


def main() -> None:
    """The command."""
    guarded(_run, "train", "Nothing was written; to start anew:")


if __name__ == "__main__":
    main()
