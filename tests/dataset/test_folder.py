"""Your own images: masks by value, labels.csv checked line by line, everything that does not fit said at once."""

import image_trees
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from safetensors.torch import load_file

from pcsweep import shards
from pcsweep.__main__ import conf_folder
from pcsweep.dataset import Dataset
from pcsweep.dataset.folder import Folder
from pcsweep.settings import BadSetting, study_folder
from pcsweep.study import plan, run


@pytest.fixture
def root(tmp_path):
    """Six images of three classes."""
    return image_trees.folder(tmp_path / "mine")


def dataset(root, **settings) -> Folder:
    """With images unchanged but for the cut to 30 × 30 pixels."""
    return Folder(**{"root": root, "resize": 30, "crop": 30, "interpolation": "bilinear", **settings})


def labels(root, text: str) -> None:
    """Replaces labels.csv."""
    (root / "labels.csv").write_text(text)


def test_samples_are_those_of_the_table(root):
    images = dataset(root)
    assert isinstance(images, Dataset)
    assert images.image_ids == tuple(f"picture{number}" for number in range(6))
    assert images.class_indices == (0, 1, 2, 0, 1, 2)
    assert images.class_names == ["kind0", "kind1", "kind2"]
    assert images[4].category == "kind1"
    levels = torch.from_numpy(np.asarray(image_trees.photograph(4))[:, 5:35].copy()).permute(2, 0, 1)
    assert images[4].image.equal(levels.float() / 255)


def test_all_values_but_zero_and_the_ignored_one_are_the_object(root):
    half = torch.arange(30)[None, :].expand(30, 30) < 15
    lowest = torch.arange(30)[:, None].expand(30, 30) >= 28
    plain, ignoring = dataset(root)[0], dataset(root, ignore_value=255)[0]
    assert plain.mask.equal(half | lowest)
    assert not plain.ignore.any()
    assert ignoring.mask.equal(half & ~lowest)
    assert ignoring.ignore.equal(lowest)


@pytest.mark.parametrize("mode", ["1", "P", "I;16"])
def test_masks_of_every_kind_of_value(root, mode):
    values = image_trees.numbers(255, ignored=0)
    picture = Image.fromarray(values.astype("uint16" if mode == "I;16" else "uint8"))
    (picture.convert(mode) if mode != "I;16" else picture).save(root / "masks/picture0.png")
    with Image.open(root / "masks/picture0.png") as saved:
        assert saved.mode == mode
    sample = dataset(root)[0]
    assert sample.mask[:28, :15].all()
    assert sample.mask.sum() == 28 * 15


def test_a_coloured_mask_is_refused(root):
    image_trees.save_photograph(root / "masks/picture0.png")
    with pytest.raises(ValueError, match=r"masks/picture0.png to be a grey, palette or .* image, but got RGB of 8 bits"):
        dataset(root)[0]


def test_the_category_may_be_left_out_or_ambiguous(root):
    rows = "".join(f"picture{number}.png,{number}\n" for number in range(6))
    labels(root, "image,class_index\n" + rows)
    assert dataset(root).class_names == list("012345")
    assert dataset(root)[3].category == "3"
    rows = "".join(f"4,picture{number}.png,kind{number}\n" for number in range(6))
    labels(root, "class_index,image,category\n" + rows)
    assert dataset(root).class_names == list("01234")
    assert dataset(root)[3].category == "kind3"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na.png,1\n", r"to have the columns image, class_index and, if any, category, but got \['image', 'label'\]"),
        ("image,class_index,class_index\n", "to have the columns image, class_index"),
        ("", r"to have the columns image, class_index and, if any, category, but got \[\]"),
        ("image,class_index\na.png,dog\n", "class_index in line 2 of .* to be a whole number from 0, but got 'dog'"),
        ("image,class_index\na.png,1\nb.png,-1\n", "class_index in line 3 of .* to be a whole number from 0, but got '-1'"),
        ("image,class_index\na.png\n", "line 2 of .* to have as many values as the header"),
        ("image,class_index\na.png,1,2\n", "line 2 of .* to have as many values as the header"),
        ('image,class_index\n"a.png,1\n', "to be a table with the columns image and class_index, but: unexpected end of data"),
    ],
)
def test_a_wrong_table_is_refused(root, text, message):
    labels(root, text)
    with pytest.raises(ValueError, match=message):
        dataset(root)


def test_what_does_not_fit_is_counted_and_named(root):
    rows = "".join(f"picture{number}.png,0\n" for number in (0, 1, 1, 2, 3, 4, 7))
    labels(root, "image,class_index\n" + rows)
    (root / "masks/picture2.png").rename(root / "masks/other.png")
    image_trees.save_photograph(root / "images/picture3.jpg")
    with pytest.raises(ValueError, match="to be a whole dataset") as caught:
        dataset(root)
    for line in (
        "Images of labels.csv that are not in images/ (1): picture7.png",
        "Images listed more than once in labels.csv (1): picture1.png",
        "Images without a row in labels.csv (2): picture3.jpg, picture5.png",
        "Images that differ only in their suffix (1): picture3",
        "Images without a mask (1): picture2.png",
        "Masks without an image (1): other.png",
    ):
        assert f"\n  {line}" in str(caught.value)


def test_missing_parts_are_named(root):
    (root / "labels.csv").unlink()
    with pytest.raises(ValueError, match=r"labels.csv to be a table .*, but: No such file or directory"):
        dataset(root)
    (root / "masks").rename(root / "segmentation")
    with pytest.raises(ValueError, match="holds `images/`, `masks/` and `labels.csv`, but got .* without `masks/`"):
        dataset(root)


def test_an_empty_table_is_refused(root):
    for part in ("images", "masks"):
        for path in (root / part).iterdir():
            path.unlink()
    labels(root, "image,class_index\n")
    with pytest.raises(ValueError, match="to hold images, but got .*, in which none can be used"):
        dataset(root)


def test_a_stamp_changes_with_the_label(root):
    before = dataset(root).stamp(0)
    table = (root / "labels.csv").read_text()
    labels(root, table.replace("picture0.png,0,kind0", "picture0.png,1,kind1"))
    assert dataset(root).stamp(0) != before


@pytest.fixture
def config(root, tmp_path):
    """A configuration of `pminivgg` on the folder."""
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    words = [
        "dataset=folder",
        f"dataset.root={root}",
        "timesteps=1",
        f"output_root={tmp_path}",
        f"dataset.cache={tmp_path}/cache",
    ]
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield lambda *more: compose("config", overrides=[*words, *more])


def test_a_study_frames_the_images_as_the_model_was_trained(config, tmp_path):
    run(config())
    (shard,) = shards.read_all(tmp_path / "default/shards")
    assert shard.table.num_rows == 6 * 2
    assert set(shard.table["image_id"].to_pylist()) == {f"picture{number}" for number in range(6)}
    (cached,) = (tmp_path / "cache").glob("*.safetensors")
    assert load_file(cached)["images"].shape == (6, 3, 64, 64)


def test_a_study_refuses_classes_that_the_model_does_not_have(config, root):
    table = root / "labels.csv"
    table.write_text(table.read_text().replace("picture5.png,2", "picture5.png,10"))
    with pytest.raises(BadSetting, match="a dataset of classes 0 to 9, the model's, but got 10"):
        plan([config()], [0])


def test_a_study_refuses_broken_images(config, root, tmp_path):
    for number in range(1, 6):
        path = root / f"images/picture{number}.png"
        path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(BadSetting, match=r"(?s)picture\d.png to be a whole image, but: it ends early: .* no end-of-image chunk"):
        run(config())
    assert not (tmp_path / "default/shards").exists()
