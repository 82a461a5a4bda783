"""Pascal VOC: the classes that ImageNet has once, the largest of them the object, the other pictures left out and counted."""

import logging

import image_trees
import numpy as np
import pytest
from PIL import Image
from png_files import PALETTE, png

from pcsweep.dataset import Dataset
from pcsweep.dataset.read import imagenet
from pcsweep.dataset.voc import CLASSES, VOC, WNIDS

TABLE, HORSE, SOFA, DOG = (CLASSES.index(name) + 1 for name in ("diningtable", "horse", "sofa", "dog"))


@pytest.fixture
def root(tmp_path):
    """Three pictures: a horse smaller than a dog; a dog; a sofa larger than a table."""
    folder = tmp_path / "VOCdevkit/VOC2012"
    for seed, (name, left, right) in enumerate([("a", HORSE, DOG), ("b", DOG, DOG), ("c", TABLE, SOFA)]):
        mask = np.full((30, 40), right, dtype=np.uint8)
        mask[:, :15], mask[:2] = left, 255
        image_trees.save_photograph(folder / f"JPEGImages/{name}.jpg", seed=seed)
        (folder / "SegmentationClass").mkdir(exist_ok=True)
        picture = Image.fromarray(mask).convert("P")
        picture.putdata(mask.ravel().tolist())
        picture.save(folder / f"SegmentationClass/{name}.png")
    (folder / "ImageSets/Segmentation").mkdir(parents=True)
    (folder / "ImageSets/Segmentation/val.txt").write_text("a\nb\nc\n")
    return tmp_path


def dataset(root, **settings) -> VOC:
    """With images unchanged but for the cut to 30 × 30 pixels."""
    return VOC(**{"root": root, "resize": 30, "crop": 30, "interpolation": "bilinear", **settings})


def test_every_mapped_class_is_one_of_imagenets():
    words = {"diningtable": "dining table", "horse": "sorrel", "pottedplant": "flowerpot", "sofa": "studio couch"}
    assert set(WNIDS) == set(words) <= set(CLASSES)
    for name, wnid in WNIDS.items():
        assert words[name] in imagenet.class_names()[imagenet.class_indices()[wnid]].split(", ")


def test_the_largest_mapped_class_is_the_object(root, caplog):
    with caplog.at_level(logging.INFO):
        images = dataset(root)
    assert isinstance(images, Dataset)
    assert images.image_ids == ("a", "c")
    assert [images[index].category for index in (0, 1)] == ["horse", "sofa"]
    assert images.class_indices == (339, 831)
    assert "Left out 1 of 3 pictures" in caplog.text
    horse, sofa = images[0], images[1]
    assert horse.mask[2:, :10].all()
    assert not horse.mask[:, 10:].any()
    assert sofa.mask[2:, 10:].all()
    assert not sofa.mask[:, :10].any()
    assert horse.ignore[:2].all()
    assert not horse.ignore[2:].any()


def test_values_that_are_no_class_and_other_masks_are_refused(root):
    path = root / "VOCdevkit/VOC2012/SegmentationClass/b.png"
    Image.new("L", (40, 30), 21).save(path)
    with pytest.raises(ValueError, match=r"(?s)1 of 3 images cannot be used:.*b.png to hold values 0 to 20, or 255, but got 21"):
        dataset(root)
    Image.new("RGB", (40, 30)).save(path)
    with pytest.raises(ValueError, match=r"b.png to be a palette image, but got RGB of 8 bits"):
        dataset(root)


def test_no_mapped_picture_at_all_is_refused(root):
    (root / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt").write_text("b\n")
    with pytest.raises(ValueError, match="to hold images, but got .*, in which none can be used"):
        dataset(root)


def test_missing_files_are_counted_and_named(root):
    (root / "VOCdevkit/VOC2012/SegmentationClass/c.png").unlink()
    with pytest.raises(ValueError, match=r"Missing masks \(1\): VOCdevkit/VOC2012/SegmentationClass/c.png"):
        dataset(root)


def test_no_dataset_says_what_is_expected_and_how_to_fetch_it(root):
    with pytest.raises(ValueError, match=r'`VOCdevkit/VOC2007/` .*VOCSegmentation\(".*", "2007", "test", download=True\)'):
        dataset(root, year=2007, image_set="test")
    with pytest.raises(ValueError, match="`dataset.image_set` to be train, val or trainval in 2012, but got 'test'"):
        dataset(root, image_set="test")


def test_a_dataset_that_lies_near_is_named(root):
    for inside in ("VOCdevkit", "VOCdevkit/VOC2012"):
        with pytest.raises(ValueError, match=rf"It is here: dataset.root={root}\.$"):
            dataset(root / inside)


def test_a_part_that_is_missing_is_named(root):
    (root / "VOCdevkit/VOC2012/SegmentationClass").rename(root / "VOCdevkit/VOC2012/Masks")
    with pytest.raises(ValueError, match=r"lacks VOCdevkit/VOC2012/SegmentationClass\.$"):
        dataset(root)


def test_the_list_counts_no_picture_twice(root):
    path = root / "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt"
    path.write_text("a\n\nb\r\nc \n\n")
    assert dataset(root).image_ids == ("a", "c")
    path.write_text("a\nb\nc\na\n")
    with pytest.raises(ValueError, match=r"val.txt once, but of these there are more \(1\): a\."):
        dataset(root)
    path.write_text("a  1\nb -1\n")  # a list of ImageSets/Main
    with pytest.raises(ValueError, match=r"Expected line 1 of .*val.txt to be such as '2007_000033', but got 'a  1'"):
        dataset(root)


def colours(count: int = 256) -> np.ndarray:
    """VOC's palette, by its recipe."""
    numbers = np.arange(count)
    channels = [sum((numbers >> (3 * place + channel) & 1) << (7 - place) for place in range(3)) for channel in range(3)]
    return np.stack(channels, axis=1)


@pytest.fixture
def mask(root):
    """Path and values of the horse's mask, with the border that is left out."""
    path = root / "VOCdevkit/VOC2012/SegmentationClass/a.png"
    return path, np.asarray(Image.open(path))


def test_vocs_own_palette_in_any_order_says_the_class(root, mask):
    path, values = mask
    before = dataset(root)[0]
    own = colours()
    assert own[[1, 13, 15, 255]].tolist() == [[128, 0, 0], [192, 0, 128], [192, 128, 128], [224, 224, 192]]
    path.write_bytes(png(values, 8, PALETTE, own.ravel().tolist()))
    assert dataset(root)[0].mask.equal(before.mask)
    used = [DOG, 255, HORSE]
    path.write_bytes(png(np.vectorize(used.index)(values), 8, PALETTE, own[used].ravel().tolist()))
    again = dataset(root)[0]
    assert again.category == "horse"
    assert again.mask.equal(before.mask)
    assert again.ignore.equal(before.ignore)


def test_another_palette_is_refused(root, mask):
    path, values = mask
    path.write_bytes(png(values, 8, PALETTE, list(range(256)) * 3))
    with pytest.raises(ValueError, match=r"a.png to have VOC's palette, .* but got another, in which 12 is #"):
        dataset(root)


def test_a_mask_of_few_bits_is_read_as_stored(root, mask):
    path, values = mask
    before = dataset(root)[0]
    path.write_bytes(png(np.where(values == 255, 0, values), 4))
    assert dataset(root)[0].mask.equal(before.mask)
    assert not dataset(root)[0].ignore.any()
