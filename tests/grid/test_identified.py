"""Points of a sweep share what is equal between them, and are in every other way what each would be alone."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.identified import different, identified
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.plan import packed
from pcsweep.study import shards
from pcsweep.study.folder import study_folder

WORDS = ["dataset=shapes", "dataset.count=4", "timesteps=1", "metrics=[iou]"]
LOADED = Loaded()


def config(*words):
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("config", overrides=[*WORDS, *words])


@pytest.fixture(scope="module")
def several():
    words = [
        ["pcoder.beta=0.1"],
        ["pcoder.beta=0.9", "pcoder.lambda=0.3"],
        ["pcoder.active=[1]"],
        ["noise.sigma=0.7"],
        ["pcoder=surround"],
    ]
    return [config(*each) for each in words]


def test_each_is_what_it_would_be_alone(several):
    for given in several:
        together = identified(point_from(given, LOADED), LOADED)
        fresh = Loaded()
        alone = identified(point_from(given, fresh), fresh)
        assert together.identity == alone.identity
        assert list(together.settings) == list(alone.settings)
        assert together.settings == alone.settings == shards.canonical(alone.point.decisive(fresh))
        assert together.point.label == alone.point.label
        assert together.point.config == alone.point.config
        if alone.identity is not None:
            assert alone.identity == shards.identity(alone.settings)
            together.check_unchanged(fresh)


def test_what_is_equal_is_there_once(several):
    first, second, active, noise, rule = (identified(point_from(given, LOADED), LOADED) for given in several)
    for other in (second, active, rule):
        assert other.point.settings is first.point.settings
        assert all(other.settings[name] is value for name, value in first.settings.items() if name != "pcoder")
        assert other.settings["pcoder"] != first.settings["pcoder"]
    assert noise.point.settings is not first.point.settings
    assert different([first, second, active]) == [active]
    assert different([first, noise, second]) == [second, noise]
    assert packed([first, noise, active, rule], 8) == [[0, 2], [1], [3]]


@pytest.mark.parametrize("words", [["pcoder.beta=1.5"], ["pcoder.active=[9]"], ["+pcoder.gamma=1"], ["pcoder.beta=[0.1,0.2]"]])
def test_a_wrong_value_is_refused_as_it_is_alone(words):
    given = config(*words)
    identified(point_from(config(), LOADED), LOADED)
    with pytest.raises(BadSetting) as alone:
        point_from(given, Loaded())
    with pytest.raises(BadSetting) as together:
        point_from(given, LOADED)
    assert str(together.value) == str(alone.value)


def test_the_identity_of_texts_is_that_of_the_settings():
    settings = {'é"': [1.0, None, True], "a": {"z": 1, "b": "ü"}, "B": 0.1}
    assert shards.identity_of(shards.identity_texts(shards.canonical(settings))) == shards.identity(settings)
