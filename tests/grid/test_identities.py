"""Identities hold still: a finished shard of an earlier version is found again under the name it has."""

import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from configured import LOADED
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder, each_pcoder
from pcsweep.study import shards
from pcsweep.study.folder import study_folder

GOLDEN = Path(__file__).parents[1] / "golden" / "identities.json"
EMBEDDED = ["model=pminivgg", "dataset=shapes"]
EXPERIMENTS = sorted(path.stem for path in Path(conf_folder(), "experiment").glob("*.yaml"))


def corners(experiment: str) -> list[list[str]]:
    """Of an experiment's grid on the embedded model, the points that have the first or last value of every swept setting."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    OmegaConf.register_new_resolver("each_pcoder", each_pcoder, replace=True)
    sweeper = compose("config", overrides=[f"experiment={experiment}", *EMBEDDED], return_hydra_config=True).hydra.sweeper
    return [point for grid in sweeper.grids or [{}] for point in ends({**sweeper.params, **grid})]


def ends(params: Mapping[str, object]) -> list[list[str]]:
    """The points of one grid."""
    values = [dict.fromkeys(str(each).split(",")[place] for place in (0, -1)) for each in params.values()]
    return [[f"{key}={value}" for key, value in zip(params, each, strict=True)] for each in itertools.product(*values)]


@pytest.mark.parametrize("experiment", ["none", *EXPERIMENTS])
def test_the_points_of_every_experiment_have_the_identities_of_earlier_versions(experiment):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        grid = [[]] if experiment == "none" else corners(experiment)
        chosen = [] if experiment == "none" else [f"experiment={experiment}", *EMBEDDED]
        points = {" ".join(words): point_from(compose("config", overrides=[*chosen, *words]), LOADED) for words in grid}
    found = {words: shards.identity(point.decisive(LOADED)) for words, point in points.items() if not point.skipped}
    assert found == json.loads(GOLDEN.read_text())[experiment]
