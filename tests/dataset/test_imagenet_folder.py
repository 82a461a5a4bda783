"""ImageNet in class folders: listed in little memory, decoded as any photograph is, and refused where masks are needed."""

import pickle

import image_trees
import numpy as np
import pytest
from commands import run
from torchvision.transforms.v2.functional import center_crop, resize

from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import choose
from pcsweep.dataset import Dataset, Images
from pcsweep.dataset.imagenet_folder import ImageNetFolder
from pcsweep.dataset.read.compact import Names
from pcsweep.grid.loaded import Loaded

CLASSES = {"n01440764": 0, "n01443537": 1, "n02085620": 151}


@pytest.fixture
def root(tmp_path):
    """Two images of each of three classes in train/, one in val/, and files that are none."""
    for number, wnid in enumerate(CLASSES):
        for image in range(2):
            image_trees.save_photograph(tmp_path / "train" / wnid / f"{wnid}_{image}.JPEG", seed=10 * number + image)
        image_trees.save_photograph(tmp_path / "val" / wnid / "ILSVRC2012_val_00000001.JPEG", seed=number)
    (tmp_path / "train/n01440764/.DS_Store").write_text("")
    (tmp_path / "train/n01440764/notes.txt").write_text("")
    (tmp_path / "train/README").write_text("")
    return tmp_path


def images(root, **settings):
    return ImageNetFolder(**{"root": root, "resize": 28, "crop": 24, "interpolation": "bilinear", **settings})


def test_images_are_those_of_the_class_folders(root):
    found = images(root)
    assert isinstance(found, Images)
    assert not isinstance(found, Dataset)
    assert list(found.image_ids) == [f"{wnid}/{wnid}_{image}.JPEG" for wnid in CLASSES for image in range(2)]
    assert list(found.class_indices) == [number for number in CLASSES.values() for _ in range(2)]
    assert found.class_names[1] == "goldfish, Carassius auratus"
    assert len(images(root, split="val")) == 3
    assert list(images(root / "val", split=None).image_ids) == list(images(root, split="val").image_ids)


def test_an_image_is_resized_and_cut_as_torchvision_does(root):
    found = images(root)
    picture = found.picture(3)
    assert picture.size == (image_trees.WIDTH, image_trees.HEIGHT)
    expected = center_crop(resize(picture, [28]), [24, 24])
    assert np.array_equal(found.framed(picture), np.asarray(expected))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "test"}, r"No such file or directory. Class folders lie in: dataset.split=train or val."),
        ({"split": None}, r"there are none. Class folders lie in: dataset.split=train or val."),
        ({"crop": 29}, r"`dataset.crop` to be at most `dataset.resize`, which is 28"),
    ],
)
def test_another_folder_is_refused_with_what_could_be_meant(root, settings, message):
    with pytest.raises(ValueError, match=message):
        images(root, **settings)


def test_the_root_itself_may_be_meant(root):
    with pytest.raises(ValueError, match=r"Class folders lie in the root itself: dataset.split=null"):
        images(root / "train")


def test_other_classes_and_empty_folders_are_refused(root):
    (root / "train/n99999999").mkdir()
    with pytest.raises(ValueError, match=r"are others \(1\): n99999999. Move them away"):
        images(root)
    (root / "empty/n01440764").mkdir(parents=True)
    with pytest.raises(ValueError, match="to hold images, but there is none in the class folders"):
        images(root, split="empty")


def test_images_side_by_side_are_refused_with_what_sorts_them(root):
    for number in (1, 2):
        image_trees.save_photograph(root / f"flat/ILSVRC2012_val_0000000{number}.JPEG", seed=number)
    expected = r"but there are none. 2 images such as ILSVRC2012_val_00000001.JPEG lie there side by side.*docs/ilsvrc2012.md"
    for settings in ({"split": "flat"}, {"split": None, "root": root / "flat"}):
        with pytest.raises(ValueError, match=expected):
            images(**{"root": root, **settings})


def test_archives_that_are_not_unpacked_are_refused(root):
    (root / "packed").mkdir()
    for wnid in CLASSES:
        (root / f"packed/{wnid}.tar").write_bytes(b"")
    with pytest.raises(ValueError, match=r"but there are none. 3 archives such as n01440764.tar lie there: unpack each"):
        images(root, split="packed")


def test_an_interrupted_unpacking_is_refused(root):
    (root / "train/n01440764.tar").write_bytes(b"")
    assert len(images(root)) == 6  # unpacked, and kept
    (root / "train/n01484850.tar").write_bytes(b"")
    (root / "train/n01491361").mkdir()
    with pytest.raises(
        ValueError, match=r"(?s)train:\n  Archives .*unpacked \(1\): n01484850.tar\n  .*without an image \(1\): n01491361/"
    ):
        images(root)


def test_a_path_is_no_split():
    settings = {"root": "x", "resize": 8, "crop": 8, "interpolation": "bilinear"}
    for name in ("../x", "a/b", ".."):
        with pytest.raises(BadSetting, match=r"Expected `dataset.split` to be .*the name of a folder in `dataset.root`, or null"):
            choose("dataset", {"_target_": "pcsweep.dataset.imagenet_folder.ImageNetFolder", **settings, "split": name})


def test_a_damaged_image_is_named(root):
    path = root / "train/n01443537/n01443537_0.JPEG"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"n01443537/n01443537_0.JPEG to be a whole image"):
        images(root).picture(2)


def test_what_ilsvrc2012_holds_beside_jpegs_in_rgb_is_read(tmp_path):
    folder = tmp_path / "train/n02105855"
    folder.mkdir(parents=True)
    picture = image_trees.photograph(5)
    files = {"n02105855_2933": ("PNG", "RGBA"), "n02105855_4": ("JPEG", "CMYK"), "n02105855_5": ("JPEG", "L")}
    for name, (form, mode) in files.items():
        picture.convert(mode).save(folder / f"{name}.JPEG", form)
    (folder / "n02105855_6.JPEG").symlink_to(folder / "n02105855_2933.JPEG")
    found = images(tmp_path)
    assert [found.picture(index).mode for index in range(4)] == ["RGB"] * 4
    for index in (0, 3):
        assert np.array_equal(np.asarray(found.picture(index)), np.asarray(picture))
    cmyk, grey = (np.asarray(found.picture(index)).astype(int) for index in (1, 2))
    assert np.abs(cmyk - np.asarray(picture)).mean() < 8
    assert (grey == grey[..., :1]).all()
    assert np.abs(grey[..., 0] - np.asarray(picture.convert("L"))).mean() < 8


def test_names_are_a_sequence_in_little_memory():
    names = [f"n01440764/n01440764_{number}.JPEG" for number in range(1000)] + ["", "é.png"]
    compact = Names(iter(names))
    assert list(compact) == names
    assert (compact[-1], compact[3:5], len(compact)) == ("é.png", names[3:5], len(names))
    assert list(pickle.loads(pickle.dumps(compact))) == names
    with pytest.raises(IndexError):
        compact[len(names)]
    assert len(pickle.dumps(compact)) < 45 * len(names)


def test_a_study_refuses_images_without_masks(root, tmp_path):
    settings = {"root": str(root), "resize": 28, "crop": 24, "interpolation": "bilinear", "split": "train"}
    choice = choose("dataset", {"_target_": "pcsweep.dataset.imagenet_folder.ImageNetFolder", **settings})
    with pytest.raises(BadSetting, match="Expected `dataset` to be one with masks, .* imagenet_folder has none"):
        Loaded().dataset(choice)
    words = ["dataset=imagenet_folder", f"dataset.root={root}", "model=pminivgg"]
    for command in ("pcsweep", "pcsweep.plan", "pcsweep.show"):
        done = run(*words, module=command, folder=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "Expected `dataset` to be one with masks" in done.stderr
        assert not (tmp_path / "outputs").exists()
