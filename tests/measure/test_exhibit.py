"""What a shard keeps for pictures, and what Fig. 1 makes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from configured import LOADED, compute
from hydra import compose, initialize_config_dir
from matplotlib import colormaps
from omegaconf import OmegaConf

from pcsweep.figures.overlays import COLORMAP, blended, masked, named, overlays, under
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.measure import png
from pcsweep.measure.exhibit import exhibition, names
from pcsweep.metric.iou import iou as iou_of
from pcsweep.metric.saliency import scaled as scaled_of
from pcsweep.study import shards
from pcsweep.study.folder import study_folder

PICTURES = ["map", "image", "noisy", "mask", "ignore"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A function from words of the command line to the point's shard and the point."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    root = tmp_path_factory.mktemp("study")
    known = {}

    def measure(*words):
        if words not in known:
            overrides = [*words, "timesteps=4", "dataset.limit=10", f"output_root={root}", f"study=s{len(known)}"]
            with initialize_config_dir(conf_folder(), version_base="1.3"):
                config = compose("config", overrides=overrides)
            compute(config)
            point = point_from(config, LOADED)
            known[words] = shards.read(shards.place(point.shard_folder, shards.identity(point.decisive(LOADED)))), point
        return known[words]

    return measure


def samples(point):
    dataset = LOADED.dataset(point.dataset)
    return {dataset.image_ids[index]: dataset[index] for index in point.selection(LOADED)}


def test_without_pictures_nothing_is_kept(measured):
    shard, _ = measured("pictures=0")
    assert all(shard.table[name].null_count == shard.table.num_rows for name in PICTURES)
    assert exhibition(shard.path) is None


def test_pictures_of_the_first_images_are_exact_and_at_t_0_only(measured):
    shard, point = measured("pictures=9", "noise.sigma=0.3", "noise.space=pixel")
    originals = samples(point)
    first = list(originals)[:9]  # beyond the eight of one pass through the network
    for row in shard.table.to_pylist():
        kept = row["image_id"] in first
        assert (row["map"] is not None) == kept
        assert all((row[name] is not None) == (kept and row["timestep"] == 0) for name in PICTURES[1:])
        if kept and row["timestep"] == 0:
            sample = originals[row["image_id"]]
            assert np.array_equal(png.pixels(row["image"]), (sample.image * 255).round().permute(1, 2, 0).numpy())
            assert np.array_equal(png.pixels(row["mask"]) > 0, sample.mask.numpy())
            assert not png.pixels(row["ignore"]).any()
            change = png.pixels(row["noisy"]).astype(float) / 255 - sample.image.permute(1, 2, 0).numpy()
            assert 0.1 < change.std() < 0.3  # σ = 0.3, clamped for display


def test_maps_give_the_shards_iou(measured):
    shard, point = measured("pictures=9", "noise.sigma=0.3", "noise.space=pixel")
    originals = samples(point)
    rows = [row for row in shard.table.to_pylist() if row["map"] is not None]
    assert len(rows) == 9 * 5
    for row in rows:
        sample = originals[row["image_id"]]
        saliency = scaled_of(torch.tensor([row["map"]]), tuple(sample.mask.shape))
        iou = iou_of(saliency, sample.mask[None], sample.ignore[None], point.settings.threshold)
        assert iou.item() == pytest.approx(row["iou"], abs=1e-6, nan_ok=True)


def test_pictures_change_no_other_column(measured):
    with_pictures, _ = measured("pictures=3")
    without, _ = measured("pictures=0")
    assert with_pictures.table.drop_columns(PICTURES).equals(without.table.drop_columns(PICTURES))


def test_figure_1_shows_each_image_its_maps_and_their_iou(measured):
    shard, _ = measured("pictures=3")
    found = exhibition(shard.path)
    figure = overlays(found)
    axes = np.array(figure.axes).reshape(3, 7)
    assert [panel.get_title() for panel in axes[0]] == ["image", "noisy image", "mask", "t = 0", "t = 1", "t = 2", "t = 4"]
    rows = {(row["image_id"], row["timestep"]): row for row in shard.table.to_pylist()}
    for line, exhibit in zip(axes, found.exhibits, strict=True):
        assert line[0].get_ylabel() == f"{exhibit.category}\n{exhibit.image_id}"
        assert np.array_equal(line[0].get_images()[0].get_array(), exhibit.image)
        assert np.array_equal(line[1].get_images()[0].get_array(), exhibit.noisy)
        for panel, timestep in zip(line[3:], (0, 1, 2, 4), strict=True):
            assert panel.get_xlabel() == f"IoU {rows[exhibit.image_id, timestep]['iou']:.3f}"
            assert np.nanmax(exhibit.saliency[timestep]) == 1
            drawn = panel.get_images()[0].get_array()
            assert np.allclose(drawn, blended(exhibit.image, exhibit.saliency[timestep]))
    assert "β = 0.8, λ = 0.1, α = 0.01, σ = 0.2 (of normalised images)" in figure.get_suptitle()


def test_a_map_that_is_zero_is_said_and_leaves_the_image(measured):
    shard, _ = measured("pictures=3")
    exhibit = exhibition(shard.path).exhibits[0]
    exhibit.saliency[1] = np.full(exhibit.mask.shape, np.nan)
    exhibit.iou[2] = float("nan")
    exhibit.iou[4] = None
    assert [under(exhibit, timestep) for timestep in (1, 2, 4)] == ["map is zero", "IoU undefined", "IoU not measured"]
    grey = blended(exhibit.image, exhibit.saliency[1])
    assert np.ptp(grey, axis=2).max() == 0
    exhibit.ignore[0, 0] = True
    assert masked(exhibit)[0, 0].tolist() == [128, 128, 128]


def test_an_image_is_named_in_lines_that_fit(measured):
    exhibit = exhibition(measured("pictures=3")[0].path).exhibits[0]
    long = replace(exhibit, category="n01443537", image_id="n01443537/ILSVRC2012_val_00004677")
    assert named(long) == "n01443537\nILSVRC2012_val_00004677"


def test_the_overlay_is_two_fifths_image_and_three_fifths_map():
    image, saliency = np.full((2, 2, 3), 255, np.uint8), np.array([[0.0, 1.0], [0.5, 0.2]])
    expected = 0.4 + 0.6 * np.asarray(colormaps[COLORMAP](saliency))[..., :3]
    np.testing.assert_allclose(blended(image, saliency), expected)


def test_files_are_named_for_what_varies(measured):
    found = [exhibition(measured("pictures=3", f"pcoder.beta={beta}")[0].path) for beta in (0.3, 0.4)]
    assert list(names(found)) == ["beta-0.3", "beta-0.4"]
    assert list(names(found[:1])) == [""]
    assert list(names([found[0], found[0]])) == ["-1", "-2"]
