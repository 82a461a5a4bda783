"""Whether class k means the same to a dataset and a network: exact for wnids, careful with words, silent where there are none."""

from dataclasses import dataclass

import pytest
from timm.data import ImageNetInfo
from torch import nn

from pcsweep.dataset import Sample
from pcsweep.dataset.read import imagenet
from pcsweep.dataset.shapes import Shapes
from pcsweep.grid.classes import compared
from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.pretrained import class_names
from pcsweep.network import PCoder, PredictiveNetwork


@dataclass(frozen=True)
class Named:
    """A dataset of which only the classes matter."""

    class_names: tuple[str, ...]
    class_indices: tuple[int, ...]

    @property
    def image_ids(self) -> tuple[str, ...]:
        return tuple(map(str, self.class_indices))

    def digest(self, index: int) -> str:
        return ""

    def stamp(self, index: int) -> str:
        return ""

    def __len__(self) -> int:
        return len(self.class_indices)

    def __getitem__(self, index: int) -> Sample:
        raise NotImplementedError


def model(count=1000, own=False, stated=None, names=None) -> Model:
    """A network of so many logits, named as those of timm and torchvision are."""
    network = PredictiveNetwork(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 2, 1)), [PCoder("0", nn.Conv2d(2, 3, 1))])
    found = class_names(count, stated, own)
    if names is not None:
        found = {"class_names": names, "wnids": ()}
    return Model(network, mean=(0.0,) * 3, std=(1.0,) * 3, preprocessing=Preprocessing(8, 8), **found)


def folder(categories: dict[int, str]) -> Named:
    """As `Folder` names its classes: by category, by number in the gaps."""
    return Named(tuple(categories.get(k, str(k)) for k in range(max(categories) + 1)), tuple(categories))


IMAGENET = Named(imagenet.class_names(), (1, 254, 999))
PUG = imagenet.class_indices()["n02110958"]


def test_datasets_of_imagenet_fit_its_networks_and_no_others():
    assert compared(model(), IMAGENET) == "dataset and network name the same 3 classes"
    for count in (11821, 21841, 21843, 11221):
        with pytest.raises(
            ValueError,
            match=r"of the dataset's 3 classes \d are others in the network: .*254 is 'n02110958 pug, pug-dog' there and 'n",
        ):
            compared(model(count), IMAGENET)
    with pytest.raises(ValueError, match="254 is 'n02110958 pug, pug-dog' there"):
        compared(model(names=("disc",) * 255 + ("ring",) * 745), IMAGENET)


def test_generated_shapes_fit_the_networks_of_ten_shapes_alone():
    shapes = Shapes(count=10)
    assert compared(model(10, names=tuple(shapes.class_names)), shapes) == "dataset and network name the same 10 classes"
    for count in (1000, 11821):
        with pytest.raises(
            ValueError, match="10 classes 10 are others in the network: 0 is 'disc' there and 'n.* here, …. Choose"
        ):
            compared(model(count), shapes)
    assert "no class names" in compared(model(10, own=True), shapes)
    with pytest.raises(ValueError, match="0 is 'disc' there and 'ring' here"):
        compared(model(10, names=tuple(reversed(shapes.class_names[:6])) + tuple(shapes.class_names[6:])), shapes)


def test_words_are_compared_by_their_synonyms():
    assert "the same 3" in compared(model(), folder({PUG: "Pug", 1: "n01443537", 282: "tiger_cat"}))
    twelve = ImageNetInfo("imagenet-12k").label_names().index("n02110958")
    assert "the same 1" in compared(model(11821), folder({twelve: "pug"}))
    with pytest.raises(ValueError, match=rf"{PUG} is 'pug' there and 'n\d+ .*' here"):
        compared(model(11821), folder({PUG: "pug"}))
    with pytest.raises(ValueError, match="3 is 'pug' there and 'n01491361 tiger shark"):
        compared(model(), folder({3: "pug"}))
    with pytest.raises(ValueError, match="3 is 'n02110958 pug, pug-dog' there"):
        compared(model(), folder({3: "n02110958"}))


@pytest.mark.parametrize(
    "categories",
    [
        {0: "thing", 1: "thing", 2: "thing"},
        {0: "thing0", 1: "thing1", 2: "thing2"},
        {PUG: "dog", 281: "cat"},
        {282: "tiger"},  # one word of "tiger cat", and the whole name of another class
        {7: "7"},
    ],
)
def test_words_that_are_no_evidence_are_noted_once(categories, caplog):
    network, images = model(), folder(categories)
    told = compared(network, images)
    assert told.endswith("numbers are taken on trust")
    assert compared(network, images) == told
    assert caplog.text.count(told) <= 1


def test_a_head_of_ones_own_has_no_names():
    assert compared(model(own=True), IMAGENET).startswith("the network has no class names")
    assert compared(model(37), IMAGENET.__class__(("a", "b"), (0, 1))).startswith("the network has no class names")
    assert (
        compared(model(2, stated=("cat", "dog")), folder({0: "Cat", 1: "dog"})) == "dataset and network name the same 2 classes"
    )
    with pytest.raises(ValueError, match="0 is 'dog' there and 'cat' here"):
        compared(model(2, stated=("cat", "dog")), folder({0: "dog", 1: "cat"}))
