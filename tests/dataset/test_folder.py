"""Your own images: masks by value, labels.csv checked line by line, everything that does not fit said at once."""

import io
import os
from unicodedata import normalize

import image_trees
import numpy as np
import pytest
import torch
from configured import compute
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from png_files import PALETTE, RGB, png
from safetensors.torch import load_file
from stored import all_shards

from pcsweep.config.errors import BadSetting
from pcsweep.dataset import Dataset
from pcsweep.dataset.folder import Folder
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import plan
from pcsweep.study.folder import study_folder


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
    compute(config())
    (shard,) = all_shards(tmp_path / "default/shards")
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
        compute(config())
    assert not (tmp_path / "default/shards").exists()


def renamed(root, number, mask=None, image=None):
    """One picture's mask or image under another name."""
    for part, name in (("masks", mask), ("images", image)):
        if name:
            (root / f"{part}/picture{number}.png").rename(root / part / name)


def test_a_mask_may_end_in_capitals(root):
    renamed(root, 2, mask="picture2.PNG")
    assert dataset(root)[2].mask.any()


def test_masks_of_other_formats_are_no_missing_masks(root):
    renamed(root, 1, mask="picture1.bmp")
    renamed(root, 2, mask="picture2.JPG")
    renamed(root, 3, mask="Picture3.png")
    with pytest.raises(ValueError, match="to be a whole dataset") as caught:
        dataset(root)
    for line in (
        "Images without a mask (1): picture3.png (there is Picture3.png)",
        "Masks that are JPEG files, which change the numbers in them (save masks as PNG) (1): picture2.JPG",
        "Masks that are no PNG files (1): picture1.bmp",
        "Masks without an image (1): Picture3.png",
    ):
        assert f"\n  {line}" in str(caught.value)


def test_two_masks_of_one_image_are_refused(root):
    image_trees.save_photograph(root / "masks/picture1.PNG")
    with pytest.raises(ValueError, match=r"only in their names' case or Unicode form \(1\): picture1.PNG, picture1.png"):
        dataset(root)


@pytest.mark.parametrize("forms", [("NFC", "NFD", "NFD"), ("NFD", "NFC", "NFC"), ("NFC", "NFC", "NFD"), ("NFD", "NFD", "NFC")])
def test_names_that_print_alike_are_one_name(root, forms):
    row, image, mask = (normalize(form, "\u00e9t\u00e9") for form in forms)
    renamed(root, 0, image=f"{image}.png", mask=f"{mask}.png")
    labels(root, (root / "labels.csv").read_text().replace("picture0", row))
    images = dataset(root)
    assert images.image_ids[0] == row
    assert images[0].mask.any()


def test_two_names_that_print_alike_are_refused(root):
    rows = (root / "labels.csv").read_text()
    for number, form in ((0, "NFC"), (1, "NFD")):
        name = normalize(form, "\u00e9t\u00e9")
        renamed(root, number, image=f"{name}.png", mask=f"{name}.png")
        rows = rows.replace(f"picture{number}", name)
    labels(root, rows)
    with pytest.raises(ValueError, match=r"names print alike, but are stored in different Unicode forms \(1\): \u00e9t\u00e9"):
        dataset(root)


def test_names_of_the_table_that_nearly_fit_are_said(root):
    renamed(root, 3, image="picture3.bmp", mask="unused.txt")
    rows = [" picture0.png ,0", "Picture1.PNG,1", "images\\picture2.png,2", "picture3.bmp,0", "picture4.png,1", "nowhere.png,2"]
    (root / "labels.csv").write_bytes("\r\n".join(["\ufeffimage,class_index", *rows]).encode())
    with pytest.raises(ValueError, match="to be a whole dataset") as caught:
        dataset(root)
    for line in (
        "Images of labels.csv that are not in images/ (2): Picture1.PNG (there is picture1.png), nowhere.png",
        "Names in labels.csv with a folder, where the file's name alone is expected (1): images\\picture2.png",
        "Images whose suffix is none of .jpg, .jpeg and .png, which are read (1): picture3.bmp",
        "Images without a row in labels.csv (3): picture1.png, picture2.png, picture5.png",
    ):
        assert f"\n  {line}" in str(caught.value)


def test_a_table_that_is_no_file_is_refused_at_once(root):
    (root / "labels.csv").unlink()
    os.mkfifo(root / "labels.csv")
    with pytest.raises(ValueError, match=r"labels.csv to be a table .*, but: it is a named pipe"):
        dataset(root)


def test_folders_that_cannot_be_read_are_named(root, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", denied)
    with pytest.raises(ValueError, match=r"images to be a folder that can be read, but: Permission denied"):
        dataset(root)


def test_a_reduced_palette_changes_nothing(root):
    before = dataset(root)[0].mask
    path = root / "masks/picture0.png"
    levels = np.asarray(Image.open(path))
    Image.fromarray(np.where(levels == 7, 255, 0).astype(np.uint8)).convert("RGB").quantize(2).save(path)
    assert dataset(root)[0].mask[:28].equal(before[:28])


def test_every_broken_file_is_named_once_before_any_point(config, root):
    (root / "images/picture1.png").unlink()
    (root / "images/picture1.png").symlink_to("gone.png")
    (root / "masks/picture4.png").write_bytes((root / "masks/picture4.png").read_bytes()[:-20])
    looked = []
    whole = Folder.digest
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Folder, "digest", lambda self, index: (looked.append(index), whole(self, index))[1])
        with pytest.raises(BadSetting) as caught:
            plan([config(f"noise.sigma={sigma}") for sigma in (0.1, 0.2, 0.3)], [0, 1, 2])
    assert str(caught.value).startswith("points 0, 1, 2: ")
    assert str(caught.value).count("to be a whole image") == 2
    assert sorted(looked) == list(range(6))


def test_an_ignored_value_that_covers_every_object_is_refused(config, root):
    for path in (root / "masks").iterdir():
        Image.fromarray(image_trees.numbers(7, ignored=7).astype(np.uint8)).save(path)
    with pytest.raises(BadSetting, match=r"of the 6 selected images none does: in 6 all .* left out .*ignore_value` is 7"):
        plan([config("dataset.ignore_value=7")], [0])


def test_masks_without_any_object_are_refused_unless_nothing_is_measured(config, root):
    for path in (root / "masks").iterdir():
        Image.new("L", (40, 30)).save(path)
    with pytest.raises(BadSetting, match=r"of the 6 selected images none does: in 6 the mask is empty, or its object lies out"):
        plan([config()], [0])
    assert plan([config("metrics=[]")], [0]).waiting == (0,)
    Image.fromarray(image_trees.numbers(7, ignored=0).astype(np.uint8)).save(root / "masks/picture3.png")
    assert plan([config()], [0]).waiting == (0,)


def test_an_identity_changes_where_a_mask_is_read_otherwise_than_shown(root):
    """So that results of versions that read the index are not taken for results of today's."""
    path = root / "masks/picture0.png"
    mask = np.where(image_trees.numbers(7, ignored=0) == 7, 255, 0).astype(np.uint8)
    digests = []
    for palette in ([0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]):
        index = (mask > 0) if palette[0] == 0 else (mask == 0)
        path.write_bytes(png(index.astype(int), 1, PALETTE, palette))
        digests.append(dataset(root).digest(0))
    assert [len(digest) > 64 for digest in digests] == [False, True]
    path.write_bytes(png(image_trees.numbers(1, ignored=2), 2))
    assert len(dataset(root).digest(0)) == 64
    assert len(dataset(root, ignore_value=2).digest(0)) > 64
    path.write_bytes(png(image_trees.numbers(1, ignored=2), 8, PALETTE, [0, 0, 0, 255, 0, 0, 0, 0, 0]))
    with pytest.raises(ValueError, match="by its palette's indices"):
        dataset(root).digest(0)


def test_sixteen_bits_of_colour_are_the_higher_eight(root):
    levels = np.random.default_rng(0).integers(0, 2**16, (30, 40, 3))
    (root / "images/picture0.png").write_bytes(png(levels, 16, RGB))
    assert dataset(root)[0].image.mul(255).round().equal(torch.from_numpy(levels[:, 5:35] >> 8).permute(2, 0, 1).float())
    (root / "images/picture0.png").write_bytes(png(levels[..., 0], 16))
    with pytest.raises(ValueError, match="to have 8 bits per channel, but got"):
        dataset(root)[0]


def test_damage_inside_compressed_data_is_refused_before_any_point(config, root):
    found = plan([config(f"noise.sigma={sigma}") for sigma in (0.1, 0.2)], [0, 1])
    data = io.BytesIO()
    image_trees.photograph(2).resize((200, 150)).save(data, "JPEG")
    (root / "images/picture2.png").write_bytes(data.getvalue()[:-300] + b"\xff\xd9")
    for _ in range(2):
        with pytest.raises(
            BadSetting, match=r"(?s)1 of 6 images .*picture2.png to be a whole image, but: its compressed data ends"
        ):
            found.decode()
