"""Maps that are kept without pictures: those of the pictures, of as many images as are asked for, and no other number changes."""

import pytest
from configured import LOADED, compute, planned
from hydra import compose, initialize_config_dir

from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.measure.exhibit import exhibition
from pcsweep.study import shards


def config(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return compose("config", overrides=["dataset.limit=5", "timesteps=1", *words])


def computed(*words):
    compute(config(*words))
    return shards.read(planned(config(*words)).shard)


def test_maps_are_those_that_pictures_come_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictured, some, whole, both = (
        computed(f"study=s{number}", *words)
        for number, words in enumerate((["pictures=5"], ["maps=3"], ["maps=all"], ["maps=4", "pictures=2"]))
    )
    maps = pictured.table["map"].to_pylist()
    assert whole.table["map"].to_pylist() == maps
    assert some.table["map"].to_pylist() == [*maps[:6], *[None] * 4]
    assert both.table["map"].to_pylist() == [*maps[:8], *[None] * 2]
    assert some.table["image"].null_count == whole.table["noisy"].null_count == 10
    assert both.table["image"].null_count == 8
    for shard in (some, whole, both):
        assert shard.table["iou"].equals(pictured.table["iou"])
    shown = exhibition(both.path)
    assert shown is not None
    assert len(shown.exhibits) == 2
    assert exhibition(whole.path) is None


def test_it_is_part_of_the_identity_only_where_it_is_given():
    point = {words: planned(config(*words)) for words in ((), ("maps=all",), ("maps=5",), ("maps=9",), ("maps=4",))}
    assert "maps" not in point[()].settings
    assert point["maps=all",].identity == point["maps=5",].identity == point["maps=9",].identity
    assert len({each.identity for each in point.values()}) == 3
    assert point["maps=all",].settings["maps"] == 5


@pytest.mark.parametrize("value", ["some", "0", "-1", "true", "1.5"])
def test_another_value_is_refused(value):
    with pytest.raises(BadSetting, match="Expected `maps` to be "):
        planned(config(f"maps={value}"))


def test_the_cells_of_networks_drawn_anew_are_computed_as_any_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain, head, deeper = (computed("study=s", "maps=all", f"model.randomized={word}").table for word in ("null", "head", "2"))
    state = ("target_logit", "map")
    for name in state:
        assert not plain[name].equals(head[name])
        assert not head[name].equals(deeper[name])
    assert plain["area"].equals(head["area"])
    assert LOADED.model(planned(config()).point.model).fingerprint == planned(config()).settings["model"]["weights_sha256"]
