"""A task computes what was planned, or says that it is no longer the same."""

import shutil

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file
from stored import all_shards

from pcsweep.compute.run import run_pack
from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.plan import points_from
from pcsweep.model import pminivgg
from pcsweep.study.folder import study_folder


@pytest.fixture
def weights(tmp_path):
    return shutil.copy(pminivgg._PUBLISHED, tmp_path / "mine.safetensors")


@pytest.fixture
def planned(tmp_path, weights):
    """Two points with weights in a file."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    same = [f"output_root={tmp_path}", "dataset.limit=2", "timesteps=1", f"model.weights={weights}"]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        configs = [compose("config", overrides=[*same, f"pcoder.beta={beta}"]) for beta in (0.3, 0.5)]
    return points_from(configs, range(2), Loaded())


def change(path):
    """Replaces weights by others while a sweep is in the queue; a task reads them in a process of its own."""
    tensors = load_file(path)
    save_file({name: tensor * 1.01 if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}, path)


def shards_of(planned):
    return sorted(path.stem for path in planned[0].point.shard_folder.glob("*"))


def test_weights_replaced_since_planning_are_refused_before_anything_is_computed(planned, weights):
    change(weights)
    for pack in (planned, planned[:1]):
        with pytest.raises(
            BadSetting, match="weights of pminivgg or the images of shapes have changed since this point was planned"
        ):
            run_pack(pack, Loaded())
    assert shards_of(planned) == []


def test_only_what_is_missing_is_computed_and_checked(planned, weights):
    assert run_pack(planned[:1], Loaded()) == [0]
    assert run_pack(planned[:1], Loaded()) == []
    change(weights)
    assert run_pack(planned[:1], Loaded()) == []
    with pytest.raises(BadSetting, match="changed since"):
        run_pack(planned, Loaded())
    assert shards_of(planned) == [planned[0].identity]


def test_the_same_weights_in_another_file_are_the_same(planned, weights, tmp_path):
    shutil.copy(weights, tmp_path / "copy")
    (tmp_path / "copy").replace(weights)
    assert run_pack(planned, Loaded()) == [0, 1]
    assert {shard.path.stem for shard in all_shards(planned[0].point.shard_folder)} == {each.identity for each in planned}
