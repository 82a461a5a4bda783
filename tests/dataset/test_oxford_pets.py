"""Oxford-IIIT Pet: trimaps, the breeds that ImageNet has, and the others left out and counted."""

import logging
import shutil
from collections import Counter
from pathlib import Path

import image_trees
import numpy as np
import pytest
from PIL import Image
from png_files import PALETTE, png

from pcsweep.dataset import Dataset
from pcsweep.dataset.oxford_pets import WNIDS, OxfordPets
from pcsweep.dataset.read import imagenet

BREEDS = ["Abyssinian", "basset_hound", "Egyptian_Mau", "havanese"]  # of the files; numbered from 1
# What ImageNet calls those that it calls otherwise.
SYNONYMS = {
    "Egyptian Mau": "Egyptian cat",
    "German Shorthaired": "German short-haired pointer",
    "Japanese Chin": "Japanese spaniel",
    "Leonberger": "Leonberg",
    "Staffordshire Bull Terrier": "Staffordshire bullterrier",
    "Wheaten Terrier": "soft-coated wheaten terrier",
    "Basset Hound": "basset",
    "Persian": "Persian cat",
    "Siamese": "Siamese cat",
}


@pytest.fixture
def root(tmp_path):
    """Two images of each of four breeds."""
    folder = tmp_path / "oxford-iiit-pet"
    trimap = np.full((30, 40), 2, dtype=np.uint8)
    trimap[:, :20], trimap[:, 20:22] = 1, 3
    lines = []
    for label, breed in enumerate(BREEDS, start=1):
        for number in (1, 10):
            image_trees.save_photograph(folder / "images" / f"{breed}_{number}.jpg", seed=label)
            (folder / "annotations/trimaps").mkdir(parents=True, exist_ok=True)
            Image.fromarray(trimap).save(folder / "annotations/trimaps" / f"{breed}_{number}.png")
            lines.append(f"{breed}_{number} {label} 1 1")
    (folder / "annotations/test.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def dataset(root, **settings) -> OxfordPets:
    """With images unchanged but for the cut to 30 × 30 pixels."""
    return OxfordPets(**{"root": root, "resize": 30, "crop": 30, "interpolation": "bilinear", **settings})


def test_every_breed_is_the_class_of_its_name():
    assert len(set(WNIDS.values())) == len(WNIDS) == 25
    for breed, wnid in WNIDS.items():
        names = imagenet.class_names()[imagenet.class_indices()[wnid]].lower().split(", ")
        assert SYNONYMS.get(breed, breed).lower() in names


def test_mapped_breeds_are_used_and_the_others_counted(root, caplog):
    with caplog.at_level(logging.INFO):
        images = dataset(root)
    assert isinstance(images, Dataset)
    assert images.image_ids == ("basset_hound_1", "basset_hound_10", "Egyptian_Mau_1", "Egyptian_Mau_10")
    assert Counter(images.class_indices) == {
        imagenet.class_indices()[WNIDS[breed]]: 2 for breed in ("Basset Hound", "Egyptian Mau")
    }
    assert [record.message for record in caplog.records] == [
        "Left out 4 of 8 images, of breeds that ImageNet-1k does not have: Abyssinian (2), Havanese (2)"
    ]
    assert images[0].category == "Basset Hound"


def test_the_border_is_ignored(root):
    sample = dataset(root)[0]
    assert sample.mask[:, :15].all()
    assert not sample.mask[:, 15:].any()
    assert sample.ignore[:, 15:17].all()
    assert sample.ignore.sum() == 2 * 30


def test_a_trimap_of_other_values_is_refused(root):
    Image.new("L", (40, 30)).save(root / "oxford-iiit-pet/annotations/trimaps/basset_hound_1.png")
    with pytest.raises(ValueError, match=r"basset_hound_1.png to be a trimap of the values 1, 2 and 3"):
        dataset(root)[0]


def test_missing_files_are_counted_and_named(root):
    (root / "oxford-iiit-pet/annotations/trimaps/basset_hound_1.png").unlink()
    (root / "oxford-iiit-pet/images/Egyptian_Mau_10.jpg").unlink()
    with pytest.raises(ValueError, match=r"Missing images \(1\): .*Egyptian_Mau_10.jpg\n  Missing trimaps \(1\): .*hound_1.png"):
        dataset(root)


def test_no_dataset_says_what_is_expected_and_how_to_fetch_it(root, tmp_path_factory):
    with pytest.raises(ValueError, match=r"the folder that holds `oxford-iiit-pet/` .*OxfordIIITPet\(\".*\", download=True\)'"):
        dataset(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match=r"lacks oxford-iiit-pet/annotations/trainval.txt\.$"):  # which torchvision does not mend
        dataset(root, split="trainval")


def test_a_dataset_that_lies_near_is_named(root, tmp_path_factory):
    with pytest.raises(ValueError, match=rf"It is here: dataset.root={root}\.$"):
        dataset(root / "oxford-iiit-pet")
    bare = tmp_path_factory.mktemp("bare")
    for part in ("images", "annotations"):
        shutil.copytree(root / "oxford-iiit-pet" / part, bare / part)
    with pytest.raises(ValueError, match=rf"lie in it themselves: move both into {bare}/oxford-iiit-pet/\.$"):
        dataset(bare)


def test_a_breed_that_is_taken_out_of_the_list_changes_no_other(root):
    path = root / "oxford-iiit-pet/annotations/test.txt"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("Abyssinian")]
    path.write_text("\n".join(kept))
    images = dataset(root)
    assert [entry.category for entry in images.entries] == ["Basset Hound"] * 2 + ["Egyptian Mau"] * 2
    assert [imagenet.wnids()[k] for k in images.class_indices] == [WNIDS["Basset Hound"]] * 2 + [WNIDS["Egyptian Mau"]] * 2


def test_the_lists_own_header_is_no_image(root):
    path = root / "oxford-iiit-pet/annotations/test.txt"
    before = dataset(root).image_ids
    path.write_text("#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n" + path.read_text() + "\n")
    assert dataset(root).image_ids == before


def test_a_list_that_is_cut_or_counts_an_image_twice_is_refused(root):
    path = root / "oxford-iiit-pet/annotations/test.txt"
    text = path.read_text()
    path.write_text(text[:-5])
    with pytest.raises(
        ValueError, match=r"Expected line 8 of .*test.txt to be such as 'basset_hound_10 4 2 1', but got 'havanese_"
    ):
        dataset(root)
    path.write_text(text + text.splitlines()[2])
    with pytest.raises(ValueError, match=r"test.txt once, but of these there are more \(1\): basset_hound_1\."):
        dataset(root)


def listed(root, stem: str, label: int = 3) -> Path:
    """Where the image of a further line of the list belongs; its trimap is there."""
    folder = root / "oxford-iiit-pet"
    with (folder / "annotations/test.txt").open("a") as file:
        file.write(f"{stem} {label} 1 1\n")
    trimaps = folder / "annotations/trimaps"
    shutil.copy(trimaps / "Egyptian_Mau_1.png", trimaps / f"{stem}.png")
    return folder / "images" / f"{stem}.jpg"


def test_other_formats_under_the_name_of_a_jpeg_are_read(root):
    for number, form in ((139, "GIF"), (145, "PNG"), (167, "BMP")):
        image_trees.photograph(number).save(listed(root, f"Egyptian_Mau_{number}"), form)
    image_trees.photograph(177).convert("CMYK").save(listed(root, "Egyptian_Mau_177"), "JPEG")
    images = dataset(root)
    assert images.image_ids[-4:] == tuple(f"Egyptian_Mau_{number}" for number in (139, 145, 167, 177))
    for index in range(4, 8):
        assert images[index].image.shape == (3, 30, 30)
        assert images[index].mask.any()
        assert images.digest(index)


def test_images_known_to_be_broken_are_left_out_and_named(root, caplog):
    halves = [listed(root, "Egyptian_Mau_14"), listed(root, "Egyptian_Mau_186")]
    for path in halves:
        image_trees.save_photograph(path)
        path.write_bytes(path.read_bytes()[:-50])
    image_trees.save_photograph(listed(root, "Egyptian_Mau_156"))
    with caplog.at_level(logging.INFO):
        images = dataset(root)
    assert images.image_ids[4:] == ("Egyptian_Mau_156",)
    assert [record.message for record in caplog.records][1:] == [
        "Left out 2 of 7 images, which are known to be broken in the published archive: Egyptian_Mau_14, Egyptian_Mau_186"
    ]


def test_another_broken_image_is_refused(root):
    path = root / "oxford-iiit-pet/images/Egyptian_Mau_1.jpg"
    path.write_bytes(path.read_bytes()[:-50])
    for read in (dataset(root).digest, dataset(root).__getitem__):
        with pytest.raises(ValueError, match=r"Egyptian_Mau_1.jpg to be a whole image, but: it ends early"):
            read(2)


def test_what_lies_beside_images_and_trimaps_is_nothing(root):
    folder = root / "oxford-iiit-pet"
    for name in ("images/Egyptian_Mau_1.mat", "images/._Egyptian_Mau_1.jpg", "annotations/trimaps/._Egyptian_Mau_1.png"):
        (folder / name).write_bytes(b"\0\5\26\7Mac OS X")
    assert len(dataset(root)) == 4


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 3, 1)])
def test_a_trimap_as_a_palette_or_of_two_bits(root, order):
    before = dataset(root)[0]
    path = root / "oxford-iiit-pet/annotations/trimaps/basset_hound_1.png"
    trimap = np.asarray(Image.open(path))
    places = np.array([0, *(order.index(value) for value in (1, 2, 3))])
    palette = [level for value in order for level in (value,) * 3]
    for data in (png(places[trimap], 8, PALETTE, palette), png(trimap, 2)):
        path.write_bytes(data)
        assert dataset(root)[0].mask.equal(before.mask)
        assert dataset(root)[0].ignore.equal(before.ignore)
