"""The keys of the attribution group that every attribution has, and those of one that is taken at a layer."""

import pytest
from configured import LOADED
from hydra import compose, initialize_config_dir

from pcsweep.config.errors import BadSetting
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder


def point(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return point_from(compose("config", overrides=["dataset.limit=2", "timesteps=1", *words]), LOADED)


def test_a_layer_is_part_of_the_identity():
    assert point("attribution=hires_cam").decisive(LOADED)["attribution"] == {"name": "hires_cam", "layer": None}
    assert point("attribution=grad_cam").decisive(LOADED)["attribution"] == {"name": "grad_cam", "layer": None}
    assert point("attribution=grad_cam").layer is None


def test_a_layer_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(BadSetting, match=r"`layer` to be null, all or one of the head's modules \(.+\), but got 'nope'"):
        point("attribution=hires_cam", "attribution.layer=nope")
    with pytest.raises(BadSetting, match=r"Expected `attribution.layer` to be a valid string, but got 3."):
        point("attribution=hires_cam", "attribution.layer=3")


def test_an_unknown_setting_is_answered_with_all():
    said = "Unknown setting `attribution.lair`. Valid ones: `attribution.layer`, `attribution.target`."
    with pytest.raises(BadSetting, match=said):
        point("attribution=hires_cam", "+attribution.lair=x")


def test_ones_own_part_that_there_is_not_is_refused_with_the_file(tmp_path, monkeypatch):
    (tmp_path / "my_own_maps.py").write_text("def mine(activation, mask):\n    return activation.sum(1)\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting, match=r"my_own_maps.mine \(.*my_own_maps.py\): Expected .* but mine asks for 'mask'"):
        point("extensions=[my_own_maps]", "attribution._target_=my_own_maps.mine")
