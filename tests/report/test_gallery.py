"""Pictures of single images: computed anew, or what the shard keeps, and the page says which."""

import re
from pathlib import Path

import numpy as np
import pytest
from configured import compute
from hydra import compose, initialize_config_dir
from toy_study import IMAGES, STEPS, identifier, put, settings

from pcsweep.aggregate.best import headlines
from pcsweep.aggregate.run import aggregate
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.loaded import Loaded
from pcsweep.report.breakdown import images
from pcsweep.report.gallery import Gallery, gallery
from pcsweep.study import shards


def shown(folder: Path, count: int = 2, metric: str = "iou") -> Gallery:
    """The gallery of the one best cell of the study in `folder`."""
    result = aggregate(folder, 2, 2)
    (headline,) = headlines(result.table, result.facets, metric)
    return gallery(folder / "shards", headline, images(folder / "shards", headline), count, Loaded())


def gaining(gains: list[float]) -> np.ndarray:
    """IoUs over time that gain so much on 0.5 at the last timestep; the other images lose 0.01."""
    iou = np.full((IMAGES, STEPS), 0.5, np.float32)
    iou[:, -1] -= 0.01
    iou[: len(gains), -1] = 0.5 + np.array(gains, np.float32)
    return iou


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of one point on the embedded model; not to be altered."""
    root = tmp_path_factory.mktemp("outputs")
    words = ["study=real", f"output_root={root}", "dataset.limit=6", "timesteps=2", "noise.sigma=0.4", "noise.space=pixel"]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        compute(compose("config", overrides=[*words, "pcoder.beta=0.6", "pcoder.lambda=0.3", "pictures=0"]))
    return root / "real"


def test_maps_are_computed_anew(real: Path) -> None:
    found = shown(real)
    assert found.note == "Computed anew from the shard's configuration."
    assert found.gained or found.lost
    for strip in (*found.gained, *found.lost):
        headings = [picture.heading for picture in strip.pictures]
        assert headings == ["image", "noisy image", "mask", "t = 0", "t = 1", "t = 2"]
        captions = {picture.heading: picture.caption for picture in strip.pictures}
        assert captions["t = 0"] == f"IoU {strip.start:.3f}"
        assert strip.gain == pytest.approx(strip.end - strip.start, abs=1e-6)
        assert all(picture.source.startswith("data:image/jpeg;base64,") for picture in strip.pictures)
    gains = [strip.gain for strip in found.gained]
    assert gains == sorted(gains, reverse=True)
    losses = [strip.gain for strip in found.lost]
    assert losses == sorted(losses)
    assert all(gain > 0 for gain in gains)
    assert all(loss < 0 for loss in losses)


def test_maps_are_cut_where_the_metric_cuts_them(real: Path) -> None:
    found = shown(real, metric="iou@0.25")
    strips = [*found.gained, *found.lost]
    assert strips
    for strip in strips:
        captions = {picture.heading: picture.caption for picture in strip.pictures}
        assert captions["t = 0"] == f"IoU {strip.start:.3f}"
        assert {f"IoU {strip.end:.3f}"} <= {captions["t = 1"], captions["t = 2"]}


def test_maps_whose_iou_is_another_are_pointed_out(real: Path, tmp_path: Path) -> None:
    (path,) = (real / "shards").glob("*.parquet")
    shard = shards.read(path)
    columns = shard.table.to_pydict()
    columns["iou"] = [iou + 0.05 * step for iou, step in zip(columns["iou"], columns["timestep"], strict=True)]
    shards.write(tmp_path / "shards", shard.settings, columns, shard.metadata)
    note = shown(tmp_path).note
    assert re.fullmatch(r"Computed anew .*\. Their IoU differs from the shard's by up to 0\.100\.", note)


def test_what_the_shard_keeps_is_shown_where_nothing_can_be_computed(tmp_path: Path) -> None:
    put(tmp_path, settings(0.2, 0.5), pictured=4, undefined=0, iou=gaining([0.1, -0.2, 0.3, 0.2, 0.4]))
    found = shown(tmp_path)
    assert [strip.name.split()[-1] for strip in found.gained] == ["02", "03"]
    assert [strip.name.split()[-1] for strip in found.lost] == ["01"]
    assert found.note.startswith("Chosen among the 4 images whose pictures the shard keeps, because the maps of others could not")
    assert found.note.endswith("cannot be used here: it has no `device`.")
    (strip,) = found.lost
    assert (strip.gain, strip.start, strip.end) == pytest.approx((-0.2, 0.5, 0.3), abs=1e-6)
    assert strip.name == f"</script><img src=x onerror=alert(2)> {identifier(1).rpartition('/')[2]}"
    mask = "centred Gaussian: 0.150, uniform map: 0.300"
    assert [picture.caption for picture in strip.pictures] == ["", "", mask, "IoU 0.500", "IoU 0.500", "IoU 0.500", "IoU 0.300"]


def test_without_any_picture_the_reason_is_all_there_is(tmp_path: Path) -> None:
    put(tmp_path, settings(0.2, 0.5), {"config": "- no mapping"})
    found = shown(tmp_path)
    assert (found.gained, found.lost) == ([], [])
    assert re.fullmatch(r"No pictures, because the maps of others could not be computed here\. .*it is no mapping\.", found.note)


def test_of_several_noise_seeds_one_is_shown_and_named(tmp_path: Path) -> None:
    for seed in (3, 4):
        put(tmp_path, settings(0.2, 0.5, noise__seed=seed), pictured=2, undefined=0)
    first = sorted(shards.identity(settings(0.2, 0.5, noise__seed=seed)) for seed in (3, 4))[0]
    seed = next(seed for seed in (3, 4) if shards.identity(settings(0.2, 0.5, noise__seed=seed)) == first)
    assert shown(tmp_path).note.endswith(f" Gains are means over 2 noise seeds; the pictures are of noise seed {seed}.")
