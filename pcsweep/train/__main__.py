"""`python -m pcsweep.train`: trains a model's predictors, and its backbone if asked to, and writes their weights to a file."""

from typing import TYPE_CHECKING

import hydra

from pcsweep.grid.entry import as_given, conf_folder, guarded, plain_of

if TYPE_CHECKING:
    from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="train")
def _run(config: "DictConfig") -> None:
    from pcsweep.train.run import train

    with as_given():
        train(plain_of(config))


def main() -> None:
    """The command."""
    guarded(_run, "The last checkpoint is kept; to go on there, give the same command again:\n ")


if __name__ == "__main__":
    main()
