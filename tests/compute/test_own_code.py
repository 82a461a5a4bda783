"""An edited noise or attribution is another one: it is computed again, never mixed with what it was, and that is said."""

import json
import logging
import re
import sys

import pytest
from configured import LOADED, compute, planned
from hydra import compose, initialize_config_dir

from pcsweep.aggregate.run import aggregate
from pcsweep.compute.again import point_of
from pcsweep.config.errors import BadSetting
from pcsweep.config.sources import source_sha256
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.notes import note
from pcsweep.study import failures, shards

NOISE = "def brighter(image, generator, *, by: float = {}):\n    return image + by\n\n"
MAP = "def bright(image, *, layer: str | None = None):\n    return image.mean(1).abs() + {}\n"
NOISY = ("noise._target_=own_code.brighter", "~noise.sigma")
MAPPED = ("attribution._target_=own_code.bright",)


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """Writes the module anew, as an editor would between two commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(noise="0.1", mapped="0"):
        sys.modules.pop("own_code", None)
        source_sha256.cache_clear()
        (tmp_path / "own_code.py").write_text(NOISE.format(noise) + MAP.format(mapped))

    write()
    yield write
    sys.modules.pop("own_code", None)


def config(*words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        given = ["extensions=[own_code]", "dataset.limit=5", "timesteps=1", "study=own", "noise.seed=0", *words]
        return compose("config", overrides=given)


def names(tmp_path):
    return {path.stem for path in (tmp_path / "outputs" / "own" / "shards").glob("*.parquet")}


def test_an_edited_noise_is_computed_again_and_its_cells_are_apart(edited, tmp_path, caplog):
    compute(config(*NOISY))
    (before,) = names(tmp_path)
    edited(noise="0.1 + 0.0")  # the same, but who knows
    with caplog.at_level(logging.WARNING):
        compute(config(*NOISY))
    assert "Study own: 1 shard computed with other code of own_code than there is now" in caplog.text
    (after,) = names(tmp_path) - {before}
    result = aggregate(tmp_path / "outputs" / "own", resamples=10, permutations=10)
    assert set(result.table["identity"].to_pylist()) == {before, after}
    assert "noise.source_sha256" in result.facets
    assert [line.partition(":")[0] for line in result.sources] == ["Not the same code of own_code in all shards"]
    with pytest.raises(BadSetting, match=r"The author's own modules \(own_code\) of shard .* have changed since"):
        point_of(shards.read(shards.place(tmp_path / "outputs" / "own" / "shards", before)), LOADED, ["own_code"])
    edited()  # taken back: it is there
    compute(config(*NOISY))
    assert names(tmp_path) == {before, after}


def test_the_cells_of_an_edited_attribution_are_apart(edited, tmp_path):
    compute(config(*MAPPED))
    (before,) = names(tmp_path)
    edited(mapped="0.1")
    compute(config(*MAPPED))
    (after,) = names(tmp_path) - {before}
    result = aggregate(tmp_path / "outputs" / "own", resamples=10, permutations=10)
    assert set(result.table["identity"].to_pylist()) == {before, after}
    assert result.facets == ("attribution.source_sha256",)


def test_code_that_changes_between_planning_and_computing_is_refused(edited):
    point = planned(config(*NOISY))
    edited(noise="0.2")
    sys.modules.pop("own_code", None)
    import own_code  # noqa: F401 - as a worker imports it

    with pytest.raises(
        BadSetting, match="the images of shapes or the code of own_code have changed since this point was planned"
    ):
        point.check_unchanged(LOADED)


def test_a_failure_of_what_was_mended_is_none(edited, tmp_path):
    folder = tmp_path / "outputs" / "own"
    (folder / "planned").mkdir(parents=True)
    (folder / "failures").mkdir()
    before = planned(config(*NOISY))
    note(folder, [before])
    failures.note(folder, before.identity, "mine", ValueError("dark"), None)
    edited(noise="0.1 + 0.0")
    note(folder, [planned(config(*NOISY))])
    assert failures.read_all(folder) == {}


def test_what_the_package_offers_has_no_part_in_identities_but_is_noted(edited, caplog, monkeypatch):
    point = planned(config())
    assert "source_sha256" not in json.dumps(point.settings)
    compute(config())
    noted = json.loads(shards.metadata(point.shard)["sources"])
    expected = ("model/pminivgg", "dataset/shapes", "noise/gaussian", "attribution/grad_cam", "metric/iou", "metric/area")
    assert {f"pcsweep/{each}.py" for each in (*expected, "pcoder/predictive_coding")} <= set(noted)
    monkeypatch.setattr("pcsweep.config.schema.file_sha256", lambda path: "edited")
    with caplog.at_level(logging.WARNING):
        compute(config())
    assert re.search("1 shard computed with other code of .*pcsweep/noise/gaussian.py than there is now, and a", caplog.text)
