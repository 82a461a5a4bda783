"""ImageNet-S: masks by number, the folder's class, one framing for image and mask, and everything missing said at once."""

import os
import shutil
from pathlib import Path

import image_trees
import numpy as np
import pytest
import torch
from image_trees import WNIDS
from PIL import Image
from torchvision.transforms import v2

from pcsweep.dataset import Dataset
from pcsweep.dataset.imagenet_s import ImageNetS
from pcsweep.dataset.read import imagenet

GOLDFISH, TIGER_SHARK = WNIDS[0], WNIDS[1]


@pytest.fixture
def root(tmp_path):
    """All fifty classes, one image each."""
    return image_trees.imagenet_s(tmp_path / "ImageNetS50")


def dataset(root, **settings) -> ImageNetS:
    """With images unchanged but for the cut to 30 × 30 pixels."""
    return ImageNetS(**{"root": root, "subset": 50, "resize": 30, "crop": 30, "interpolation": "bilinear", **settings})


def paths(root, wnid=GOLDFISH) -> tuple[Path, Path]:
    """Of a class's first image and mask."""
    name = f"ILSVRC2012_val_{WNIDS.index(wnid):04d}0000"
    return root / "validation" / wnid / f"{name}.JPEG", root / "validation-segmentation" / wnid / f"{name}.png"


def test_classes_are_those_of_the_folders(root):
    images = dataset(root)
    assert isinstance(images, Dataset)
    assert len(images) == 50
    assert images.image_ids[1] == f"{TIGER_SHARK}/ILSVRC2012_val_00010000"
    assert len(images.class_names) == 1000
    for index in (0, 7, 49):
        sample = images[index]
        assert sample.category == WNIDS[index]
        assert imagenet.wnids()[sample.class_index] == WNIDS[index]
        assert sample.class_index == images.class_indices[index]
        assert sample.image_id == images.image_ids[index]
    assert imagenet.class_names()[images.class_indices[0]].startswith("goldfish")


def test_the_mask_is_the_number_of_the_folders_class(root):
    """The left half of the 40 columns is the object, of which the cut to the 30 in the middle leaves 15; two rows are ignored."""
    expected = torch.zeros(30, 30, dtype=torch.bool)
    expected[:28, :15] = True
    for index in (0, 49):
        sample = dataset(root)[index]
        assert sample.mask.equal(expected)
        assert sample.ignore.equal(torch.arange(30)[:, None].expand(30, 30) >= 28)


def test_other_classes_of_a_mask_are_not_the_object(root):
    mask = image_trees.numbers(1)
    mask[:10, :20] = 50
    image_trees.save_numbers(paths(root)[1], mask)
    sample = dataset(root)[0]
    assert not sample.mask[:10].any()
    assert sample.mask[10:28, :15].all()
    image_trees.save_numbers(paths(root)[1], np.full((30, 40), 50))
    assert not dataset(root)[0].mask.any()


def test_numbers_above_255_use_the_second_channel(tmp_path):
    """The last of 919 classes is 919 = 151 + 3·256, which 8 bits would make 151."""
    root, wnid = image_trees.imagenet_s(tmp_path / "ImageNetS919", wnids=WNIDS[-1:]), WNIDS[-1]
    others = [name for name in imagenet.wnids() if name < wnid][:918]
    categories = tmp_path / "categories.txt"
    categories.write_text("\n".join([*others, wnid]))
    mask = image_trees.numbers(919)
    mask[:, 20:25] = 151
    image_trees.save_numbers(paths(root, wnid)[1], mask)
    sample = dataset(root, subset=919, categories=categories)[0]
    assert sample.mask[:28, :15].all()
    assert not sample.mask[:, 15:].any()


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [{"height": 61, "width": 40}, {"height": 40, "width": 57}, {"height": 17, "width": 33}])
def test_framing_is_torchvisions(root, interpolation, size):
    image_trees.save_photograph(paths(root)[0], seed=3, **size)
    mask = np.random.default_rng(0).choice([0, 1, 2, 1000], (size["height"], size["width"]))
    image_trees.save_numbers(paths(root)[1], mask)
    sample = dataset(root, resize=24, crop=20, interpolation=interpolation)[0]

    def framed(picture, mode):
        return v2.Compose([v2.Resize(24, v2.InterpolationMode(mode)), v2.CenterCrop(20), v2.PILToTensor()])(picture)

    levels = framed(Image.open(paths(root)[0]).convert("RGB"), interpolation)
    assert sample.image.equal(levels.float() / 255)
    numbers = framed(Image.fromarray(mask.astype(np.int32)), "nearest")[0]
    assert sample.mask.equal(numbers == 1)
    assert sample.ignore.equal(numbers == 1000)


def test_train_semi_lies_in_its_own_folders(tmp_path):
    root = image_trees.imagenet_s(tmp_path, split="train-semi", images=2)
    assert len(dataset(root, split="train-semi")) == 100
    with pytest.raises(
        ValueError, match="to be the folder that holds `validation/` and `validation-segmentation/`, but got .*: No"
    ):
        dataset(root)


def test_suffixes_and_hidden_files(root):
    image = paths(root)[0]
    image.rename(image.with_suffix(".jpg"))
    (image.parent / ".DS_Store").write_text("")
    (image.parent / "._copy.JPEG").write_text("")
    assert len(dataset(root)) == 50
    assert dataset(root)[0].mask.any()


def test_missing_masks_and_images_are_counted_and_named(root):
    for wnid in WNIDS[:12]:
        paths(root, wnid)[1].unlink()
    image_trees.save_numbers(root / f"validation-segmentation/{GOLDFISH}/extra.png", image_trees.numbers(1))
    paths(root, WNIDS[20])[0].unlink()
    with pytest.raises(ValueError, match="to be a whole dataset") as caught:
        dataset(root)
    message = str(caught.value)
    assert f"Images in validation/ without a mask (12): {GOLDFISH}/ILSVRC2012_val_00000000, {TIGER_SHARK}/" in message
    assert "and 2 more" in message
    assert f"{WNIDS[9]}/" in message
    assert f"{WNIDS[10]}/" not in message
    assert f"without an image (2): {GOLDFISH}/extra, {WNIDS[20]}/ILSVRC2012_val_00200000" in message
    assert f"Folders in validation/ without an image (1): {WNIDS[20]}/" in message


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "validation").mkdir()
    with pytest.raises(ValueError, match="to hold class folders such as `validation/n01443537/`"):
        dataset(tmp_path)
    with pytest.raises(ValueError, match="to be the folder that holds `validation/`.*nowhere: validation: No such file"):
        dataset(tmp_path / "nowhere")


def test_a_tree_that_lies_near_is_named(root, tmp_path):
    for place in (root.parent, root / "validation", root / "validation" / GOLDFISH):
        with pytest.raises(ValueError, match=rf"It is here: dataset.root={root}\.$"):
            dataset(place)
    (tmp_path / "ilsvrc/val").mkdir(parents=True)
    with pytest.raises(ValueError, match="This could be ILSVRC2012, without masks, from which ImageNet-S is made"):
        dataset(tmp_path / "ilsvrc")
    shutil.copytree(root / "validation", tmp_path / "images/validation")
    with pytest.raises(ValueError, match="validation-segmentation: No such file.*The masks are an archive of their own"):
        dataset(tmp_path / "images")


def test_numbers_are_never_guessed_from_some_of_the_classes(tmp_path):
    root = image_trees.imagenet_s(tmp_path / "tree", wnids=WNIDS[10:13])
    with pytest.raises(
        ValueError, match="Expected `dataset.categories` to be the file of the subset's 50 wnids.* holds 3 of the"
    ):
        dataset(root)
    categories = tmp_path / "categories.txt"
    categories.write_text("\r\n".join(WNIDS) + "\r\n")
    assert all(dataset(root, categories=categories)[index].mask.any() for index in range(3))


def test_a_tree_of_another_subset_is_refused(root, tmp_path):
    extra = next(wnid for wnid in imagenet.wnids() if wnid not in WNIDS)
    (root / "validation" / extra).mkdir()
    with pytest.raises(ValueError, match=r"`dataset.subset` to be the number of classes of .*, which is 51, but got 50"):
        dataset(root)
    categories = tmp_path / "categories.txt"
    categories.write_text("\n".join(WNIDS))
    with pytest.raises(ValueError, match=rf"Folders that are no class of the subset \(1\): {extra}/"):
        dataset(root, categories=categories)


@pytest.mark.parametrize(
    ("wnids", "message"),
    [
        (WNIDS[:49], "a file of 50 different wnids, one a line and sorted, but got .* with 49"),
        (WNIDS[::-1], "with 50, repeated or unsorted"),
        (WNIDS[:49] + WNIDS[48:49], "with 50, repeated or unsorted"),
        (WNIDS[:49] + ["n99999999"], "wnids of ImageNet's 1000 classes, but got n99999999"),
    ],
)
def test_a_wrong_file_of_categories_is_refused(root, tmp_path, wnids, message):
    (tmp_path / "categories.txt").write_text("\n".join(wnids))
    with pytest.raises(ValueError, match=message):
        dataset(root, categories=tmp_path / "categories.txt")
    with pytest.raises(ValueError, match="`dataset.categories` to be a text file, but got .*absent.txt"):
        dataset(root, categories=tmp_path / "absent.txt")


def test_a_number_outside_the_subset_is_refused(root):
    mask = image_trees.numbers(1)
    mask[3, 3] = 51
    image_trees.save_numbers(paths(root)[1], mask)
    with pytest.raises(ValueError, match=rf"{GOLDFISH}/ILSVRC2012_val_00000000.png to hold numbers 0 to 50, or 1000, but got 51"):
        dataset(root)[0]


def test_masks_of_another_kind_are_refused(root):
    Image.new("L", (40, 30)).save(paths(root)[1])
    with pytest.raises(ValueError, match=r"00000000.png to be an RGB image of 8 bits per channel, but got grey of 8 bits"):
        dataset(root)[0]
    image_trees.save_numbers(paths(root)[1], np.ones((40, 30)))
    with pytest.raises(ValueError, match=r"as large as its image, 40 × 30 pixels \(width × height\), but got 30 × 40 pixels"):
        dataset(root)[0]


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("kept", [0, 40, 0.6])
def test_broken_files_are_named(root, part, kept):
    path = paths(root)[part]
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=rf"Expected .*{path.name} to be a whole image, but: "):
        dataset(root)[0]


def test_a_file_that_vanishes_is_named(root):
    images = dataset(root)
    before = images.stamp(0)
    paths(root)[0].unlink()
    assert images.stamp(0) != before
    with pytest.raises(ValueError, match=r"00000000.JPEG to be a whole image, but: No such file or directory"):
        images[0]


def test_colours_of_every_kind_become_rgb(root):
    image, grey = paths(root)[0], image_trees.photograph(0).convert("L")
    grey.save(image)
    assert dataset(root)[0].image.std(0).max() == 0
    image_trees.photograph(0).convert("CMYK").save(image)
    assert dataset(root)[0].image.shape == (3, 30, 30)
    image.unlink()
    palette = image_trees.photograph(0).quantize(16)
    palette.save(image.with_suffix(".png"), transparency=bytes(range(16)))
    levels = np.asarray(palette.convert("RGB"))[:, 5:35].transpose(2, 0, 1)
    assert dataset(root)[0].image.mul(255).round().byte().equal(torch.from_numpy(levels.copy()))
    Image.fromarray(np.full((30, 40), 40000, dtype=np.uint16)).save(image.with_suffix(".png"))
    with pytest.raises(ValueError, match="to have 8 bits per channel, but got PIL's mode I"):
        dataset(root)[0]


def test_two_images_of_one_name_are_refused(root):
    image = paths(root)[0]
    image_trees.save_photograph(image.with_suffix(".png"))
    with pytest.raises(ValueError, match=r"one file named ILSVRC2012_val_00000000 in .*\.JPEG and .*\.png"):
        dataset(root)


def test_a_crop_larger_than_the_image_is_refused(root):
    with pytest.raises(ValueError, match="`dataset.crop` to be at most `dataset.resize`, which is 30 pixels, but got 31"):
        dataset(root, crop=31)


def test_an_index_outside_is_refused(root):
    with pytest.raises(IndexError, match=r"`index` to be in 0\.\.49, but got 50"):
        dataset(root)[50]


def test_a_stamp_changes_with_image_mask_and_categories(root, tmp_path):
    categories = tmp_path / "categories.txt"
    categories.write_text("\n".join([imagenet.wnids()[0], *WNIDS[:49]]))
    stamps = [dataset(root).stamp(3)]
    for path in paths(root, WNIDS[3]):
        os.utime(path, ns=(0, 5))
        stamps.append(dataset(root).stamp(3))
    for folder in ("validation", "validation-segmentation"):
        shutil.rmtree(root / folder / WNIDS[49])
    stamps.append(dataset(root, categories=categories).stamp(3))
    assert len(set(stamps)) == 4
