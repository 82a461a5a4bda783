"""The stream of images: of any dataset, the same image for a seed, an epoch and an image, whatever is beside it."""

import image_trees
import pytest
import torch

from pcsweep.dataset.imagenet_folder import ImageNetFolder
from pcsweep.dataset.shapes import Shapes
from pcsweep.noise import generator_for
from pcsweep.train.images import Changes, Stream, loader, random_box
from pcsweep.train.order import Order, Part, Rounds, Steps

ALL = Changes(seed=5, noise=0.3, least_area=0.1, flip=True)


@pytest.fixture
def photographs(tmp_path):
    """Six without masks."""
    for image in range(6):
        image_trees.save_photograph(tmp_path / "train/n01440764" / f"{image}.JPEG", seed=image)
    return ImageNetFolder(root=tmp_path, resize=28, crop=24, interpolation="bilinear")


@pytest.mark.parametrize("workers", [0, 2])
def test_without_changes_images_are_the_datasets_own(photographs, workers):
    shapes = Shapes(count=5)
    (batch,) = loader(Stream(shapes, range(5), Changes()), Rounds(5, 8), workers)
    assert batch.images.equal(torch.stack([shapes[index].image for index in range(5)]))
    assert batch.labels.tolist() == list(shapes.class_indices)
    first, second = loader(Stream(photographs, [1, 3, 5], Changes()), Rounds(3, 2), workers)
    assert first.images.shape == (2, 3, 24, 24)
    expected = torch.from_numpy(photographs.framed(photographs.picture(5)).copy()).permute(2, 0, 1).float() / 255
    assert second.images[0].equal(expected)
    assert second.labels.tolist() == [0]


@pytest.mark.parametrize("dataset", ["shapes", "photographs"])
def test_what_is_random_depends_on_seed_epoch_and_image_alone(photographs, dataset):
    source = photographs if dataset == "photographs" else Shapes(count=6)
    stream = Stream(source, range(6), ALL)
    whole = stream.__getitems__(Part(1, [0, 1, 2, 3, 4, 5], 1.0)).images
    assert stream.__getitems__(Part(1, [4, 2], 1.0)).images.equal(whole[[4, 2]])
    assert not stream.__getitems__(Part(2, [4], 1.0)).images.equal(whole[[4]])
    other = Stream(source, range(6), Changes(seed=6, noise=0.3, least_area=0.1, flip=True))
    assert not other.__getitems__(Part(1, [4], 1.0)).images.equal(whole[[4]])
    batches = {workers: [b.images for b in loader(stream, Steps(Order(6, 2), 1, 1, 0), workers)] for workers in (0, 2)}
    assert all(one.equal(two) for one, two in zip(*batches.values(), strict=True))


def test_random_crops_lie_in_the_picture_and_have_the_areas_asked_for():
    generator = generator_for("crops", 0)
    boxes = [random_box(60, 100, 0.25, generator) for _ in range(300)]
    for top, left, height, width in boxes:
        assert min(top, left) >= 0
        assert top + height <= 60
        assert left + width <= 100
        assert 3 / 4 - 0.05 < width / height < 4 / 3 + 0.05
    shares = [height * width / 6000 for _, _, height, width in boxes]
    assert 0.24 < min(shares) < 0.3
    assert max(shares) > 0.7
    assert random_box(10, 1000, 1.0, generator) == (0, 493, 10, 13)  # none fits: the middle


def test_a_file_that_cannot_be_read_is_told_by_the_batch(photographs):
    path = photographs.path(2)
    path.write_bytes(path.read_bytes()[:-200])
    stream = Stream(photographs, range(6), Changes())
    assert not stream.__getitems__(Part(0, [1], 1.0)).problem
    problem = stream.__getitems__(Part(0, [1, 2], 1.0)).problem
    assert f"Expected {path} to be a whole image" in problem
    assert problem.endswith("With damaged=replace the next image is taken in its place.")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_image_takes_the_place_of_a_damaged_one(photographs, workers, caplog):
    whole = [image for batch in loader(Stream(photographs, range(6), ALL), Rounds(6, 2), 0) for image in batch.images]
    for damaged in (2, 5):
        path = photographs.path(damaged)
        path.write_bytes(path.read_bytes()[:-200])
    stream = Stream(photographs, range(6), ALL, replacing=True)
    batches = list(loader(stream, Rounds(6, 2), workers))
    assert [batch.problem for batch in batches] == [""] * 3
    found = [image for batch in batches for image in batch.images]
    assert all(image.equal(whole[place]) for image, place in zip(found, (0, 1, 3, 3, 4, 0), strict=True))
    if not workers:  # the log of others is theirs
        assert [record.message[:97] for record in caplog.records] == [
            f"The next image is taken in the place of one that is damaged. Expected {photographs.path(k)}"[:97] for k in (2, 5)
        ]


def test_where_all_are_damaged_replacing_ends(photographs):
    for path in map(photographs.path, range(6)):
        path.write_bytes(path.read_bytes()[:-200])
    batch = Stream(photographs, range(6), ALL, replacing=True).__getitems__(Part(0, [4], 1.0))
    assert f"Expected {photographs.path(4)} to be a whole image" in batch.problem
    assert "damaged=replace" not in batch.problem
