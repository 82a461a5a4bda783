import json
from dataclasses import replace

import pytest
from configured import LOADED, planned
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from pcsweep.compute.run import run_pack
from pcsweep.console.progress import progress
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.known import KnownShard, with_known
from pcsweep.study import shards
from pcsweep.study.folder import study_folder


@pytest.fixture
def point(tmp_path):
    """Composes a point on so many images, in a study of its own."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)

    def made(limit, *further, study="s"):
        words = [f"study={study}", f"output_root={tmp_path}", "timesteps=2", "noise.sigma=0.4", f"dataset.limit={limit}"]
        return planned(compose("config", overrides=[*words, "pcoder.beta=0.6", "pcoder.lambda=0.2", *further]))

    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield made


def computed(point):
    run_pack([point], LOADED)
    return shards.read(point.shard)


def rows(shard):
    return shard.table.to_pydict()


def test_a_larger_number_of_images_computes_the_new_ones_alone_and_equals_computing_all(point, monkeypatch):
    computed(point(5))
    larger = with_known(point(12), [5, 12, 20], LOADED)
    assert [known.images for known in larger.known] == [5]
    measured = []

    def counted(label, total, *further):
        measured.append(total)
        return progress(label, total, *further)

    monkeypatch.setattr("pcsweep.compute.run.progress", counted)
    whole = computed(larger)
    assert measured == [7]
    assert json.loads(whole.metadata["taken"]) == {"identity": larger.known[0].identity, "images": 5}
    assert rows(whole) == rows(computed(point(12, study="alone")))
    assert "taken" not in shards.read(point(5).shard).metadata


def test_a_smaller_number_of_images_is_taken_whole_from_a_larger_one(point, monkeypatch):
    computed(point(12))
    smaller = with_known(point(5), [5, 12], LOADED)
    monkeypatch.setattr("pcsweep.compute.run.Measurement", None)  # nothing is measured
    found = computed(smaller)
    assert json.loads(found.metadata["taken"])["images"] == 5
    monkeypatch.undo()
    assert rows(found) == rows(computed(point(5, study="alone")))


def test_pictures_and_maps_of_the_first_images_are_kept(point):
    further = ("pictures=2", "maps=8")
    computed(point(5, *further))
    larger = with_known(point(12, *further), [5], LOADED)
    assert larger.known
    assert rows(computed(larger)) == rows(computed(point(12, *further, study="alone")))


@pytest.mark.parametrize(
    "further",
    [
        ("attribution.layer=all",),
        ("metrics=[iou,deletion]", "faithfulness.steps=2"),
        ("noise.per_timestep=true", "thresholds=[]", "metrics=[iou]"),
    ],
)
def test_all_columns_are_as_when_all_is_computed(point, further):
    computed(point(3, *further))
    larger = with_known(point(6, *further), [3], LOADED)
    whole = computed(larger)
    assert json.loads(whole.metadata["taken"])["images"] == 3
    assert rows(whole) == rows(computed(point(6, *further, study="alone")))
    assert whole.table.schema.equals(shards.read(point(6, *further, study="alone").shard).table.schema)


def test_rows_of_a_damaged_shard_are_computed_anew(point):
    small = point(5)
    computed(small)
    small.shard.write_bytes(small.shard.read_bytes()[:-20])
    larger = replace(point(12), known=(KnownShard(5, small.identity),))
    found = computed(larger)
    assert "taken" not in found.metadata
    assert rows(found) == rows(computed(point(12, study="alone")))


def test_points_of_a_pack_of_which_different_rows_are_known_are_all_right(point):
    first, second = (point(8, f"pcoder.lambda={each}") for each in (0.1, 0.2))
    computed(point(3, "pcoder.lambda=0.1"))
    pack = [with_known(each, [3], LOADED) for each in (first, second)]
    assert [len(each.known) for each in pack] == [1, 0]
    run_pack(pack, LOADED)
    for each, lambda_ in ((first, 0.1), (second, 0.2)):
        assert rows(shards.read(each.shard)) == rows(computed(point(8, f"pcoder.lambda={lambda_}", study="alone")))


def test_rows_of_other_code_are_computed_anew(point, monkeypatch):
    monkeypatch.setattr("pcsweep.grid.point.GridPoint.sources", lambda self: {"pcsweep/noise/gaussian.py": "another"})
    small = computed(point(5))
    monkeypatch.undo()
    assert json.loads(small.metadata["sources"]) == {"pcsweep/noise/gaussian.py": "another"}
    assert "taken" not in computed(with_known(point(12), [5], LOADED)).metadata
