"""ImageNet's classes: sorted wnids, their names and numbers."""

from timm.data import ImageNetInfo
from torchvision.models import VGG16_Weights

from pcsweep.dataset.read import imagenet


def test_class_k_is_the_kth_of_the_sorted_wnids():
    assert len(imagenet.wnids()) == len(imagenet.class_names()) == 1000
    assert list(imagenet.wnids()) == sorted(set(imagenet.wnids()))
    assert [imagenet.class_indices()[wnid] for wnid in imagenet.wnids()] == list(range(1000))
    assert imagenet.class_names()[imagenet.class_indices()["n02129604"]] == "tiger, Panthera tigris"
    assert imagenet.class_indices()["n02129604"] == 292


def test_classes_are_those_of_timm_and_torchvision():
    assert imagenet.wnids() == tuple(ImageNetInfo().label_names())
    assert imagenet.class_names() == tuple(ImageNetInfo().label_descriptions())
    assert imagenet.short_names() == tuple(VGG16_Weights.DEFAULT.meta["categories"])
