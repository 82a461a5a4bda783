"""Decoding: equal to the dataset to the bit, by one CPU or many, from the cache or not; a bad cache costs time only."""

import logging
import os
import shutil
from dataclasses import replace

import image_trees
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pcsweep.dataset.folder import Folder
from pcsweep.dataset.imagenet_s import ImageNetS
from pcsweep.dataset.read import decoding
from pcsweep.dataset.read.decoding import decode
from pcsweep.dataset.shapes import Shapes
from pcsweep.machine import threads

INDICES = (3, 0, 5, 4)
DESCRIBED = {"name": "folder", "crop": 30}


@pytest.fixture
def images(tmp_path):
    """Six images of three classes, of which two rows are ignored."""
    return Folder(root=image_trees.folder(tmp_path / "mine"), resize=30, crop=30, interpolation="bilinear", ignore_value=255)


@pytest.fixture
def cache(tmp_path):
    """A folder yet to be made."""
    return tmp_path / "cache"


def assert_same(samples, others):
    """To the bit."""
    assert len(samples) == len(others)
    for sample, other in zip(samples, others, strict=True):
        assert (sample.image_id, sample.class_index, sample.category) == (other.image_id, other.class_index, other.category)
        assert sample.image.dtype == other.image.dtype == torch.float32
        assert sample.image.equal(other.image)
        assert sample.mask.equal(other.mask)
        assert sample.ignore.equal(other.ignore)


def no_decoding(monkeypatch):
    """From here on, only the cache can give samples."""
    monkeypatch.setattr(decoding, "_decoded", lambda *_: pytest.fail("decoded although it was in the cache"))


def kept(cache):
    """The cache's only file."""
    (path,) = cache.iterdir()
    return path


@pytest.mark.parametrize("cpus", [1, 7])
def test_samples_are_those_of_the_dataset(images, cpus, monkeypatch):
    monkeypatch.setattr(threads, "cpus", lambda: cpus)
    decoded = decode(images, INDICES, DESCRIBED)
    assert decoded.images.dtype == torch.uint8
    assert_same(decoded, [images[index] for index in INDICES])
    assert_same(decoded[1:3], [images[0], images[5]])
    assert decoded[-1].image_id == "picture4"
    with pytest.raises(IndexError):
        decoded[4]


def test_every_level_survives():
    assert_same(decode(Shapes(count=20), range(20), {}), [Shapes(count=20)[index] for index in range(20)])
    assert (torch.arange(256, dtype=torch.uint8).float() / 255).numpy().tolist() == (
        np.arange(256, dtype=np.float32) / np.float32(255)
    ).tolist()


def test_the_cache_gives_the_same_samples_and_decodes_nothing(images, cache, monkeypatch):
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])
    no_decoding(monkeypatch)
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])


def test_the_caches_file_has_the_users_permissions(images, cache):
    decode(images, INDICES, DESCRIBED, cache)
    (cache.parent / "plain").touch()
    assert kept(cache).stat().st_mode == (cache.parent / "plain").stat().st_mode


@pytest.mark.parametrize("part", ["images", "masks"])
def test_an_edited_file_misses(images, cache, part):
    decode(images, INDICES, DESCRIBED, cache)
    source = images.root / part / "picture5.png"
    shutil.copy(images.root / part / "picture1.png", source)
    os.utime(source, ns=(0, 1))
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])
    assert len(list(cache.iterdir())) == 2


def test_other_settings_selections_and_labels_miss(images, cache):
    decode(images, INDICES, DESCRIBED, cache)
    decode(images, INDICES, {**DESCRIBED, "crop": 29}, cache)
    decode(images, INDICES[::-1], DESCRIBED, cache)
    table = images.root / "labels.csv"
    table.write_text(table.read_text().replace("picture3.png,0", "picture3.png,1"))
    relabelled = decode(replace(images), INDICES, DESCRIBED, cache)
    assert relabelled[0].class_index == 1
    assert len(list(cache.iterdir())) == 4


def truncate(path):
    """The first half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """One bit of the last mask."""
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)


def rename_sample(path):
    """Other metadata."""
    content = path.read_bytes()
    assert content.count(b"picture3") == 1
    path.write_bytes(content.replace(b"picture3", b"picture9"))


def empty(path):
    """No content."""
    path.write_bytes(b"")


def other_tensors(path):
    """Somebody else's safetensors."""
    save_file({"images": torch.zeros(2)}, path)


def unchecked(path):
    """The same tensors without metadata."""
    save_file(load_file(path), path)


@pytest.mark.parametrize("damage", [truncate, flip, rename_sample, empty, other_tensors, unchecked])
def test_a_damaged_file_is_said_and_made_anew(images, cache, damage, caplog, monkeypatch):
    decode(images, INDICES, DESCRIBED, cache)
    damage(kept(cache))
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])
    assert [record.message.partition(" cannot be used")[0] for record in caplog.records] == [
        f"Decoding anew, since {kept(cache)}"
    ]
    no_decoding(monkeypatch)
    decode(images, INDICES, DESCRIBED, cache)


def test_a_file_of_another_selection_is_not_taken_for_this(images, cache, caplog):
    decode(images, INDICES[::-1], DESCRIBED, cache)
    other = kept(cache)
    decode(images, INDICES, DESCRIBED, cache)
    (own,) = set(cache.iterdir()) - {other}
    shutil.copy(other, own)
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])
    assert "its checksum is wrong" in caplog.text


def test_an_interrupted_write_leaves_nothing(images, cache, monkeypatch):
    def interrupted(tensors, path, metadata):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(decoding, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        decode(images, INDICES, DESCRIBED, cache)
    assert list(cache.iterdir()) == []


def test_a_full_disk_costs_a_warning(images, cache, monkeypatch, caplog):
    def full(tensors, path, metadata):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(decoding, "save_file", full)
    assert_same(decode(images, INDICES, DESCRIBED, cache), [images[index] for index in INDICES])
    assert "The decoded images are used, but not kept in" in caplog.text
    assert "No space left on device" in caplog.text
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_a_warning(images, cache, caplog):
    cache.write_text("a file, no folder")
    with caplog.at_level(logging.WARNING):
        decoded = decode(images, INDICES, DESCRIBED, cache)
    assert_same(decoded, [images[index] for index in INDICES])
    assert f"expected `dataset.cache` to be writable, but {cache}: File exists" in caplog.text


def test_all_broken_images_are_named(tmp_path):
    images = ImageNetS(root=image_trees.imagenet_s(tmp_path), subset=50, resize=30, crop=30, interpolation="bilinear")
    broken = [entry.image for entry in images.entries[:40:3]]
    for path in broken:
        path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"^14 of 50 images cannot be used:\n") as caught:
        decode(images, range(50), {})
    lines = str(caught.value).splitlines()
    assert len(lines) == 12
    assert all(str(path) in line for path, line in zip(broken[:10], lines[1:-1], strict=True))
    assert lines[-1] == "  and 4 more"


class TwoSizes(Shapes):
    """The fourth image is smaller."""

    def __getitem__(self, index):
        """One of `Shapes`, cut or not."""
        sample = super().__getitem__(index)
        small = {name: getattr(sample, name)[..., :48, :] for name in ("image", "mask", "ignore")}
        return replace(sample, **small) if index == 3 else sample


class Uneven(Shapes):
    """Values between the levels."""

    def __getitem__(self, index):
        """One of `Shapes`, darker."""
        sample = super().__getitem__(index)
        return replace(sample, image=sample.image * 0.9)


def test_images_of_different_sizes_are_refused():
    match = r"images of one size \(height × width\), but got 64 × 64 \(test-000000\), 48 × 64 \(test-000003\)"
    with pytest.raises(ValueError, match=match):
        decode(TwoSizes(), range(6), {})


def test_values_that_8_bits_would_change_are_refused():
    with pytest.raises(ValueError, match=r"values of image test-000000 to be multiples of 1/255 in \[0, 1\]"):
        decode(Uneven(), range(2), {})
