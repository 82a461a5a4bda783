"""Which axes are channels, height and width: by what moves, whatever the lengths are."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pcsweep.model.build.feedback import predictive
from pcsweep.model.build.feedback_weights import Source
from pcsweep.model.build.predictors import shapes_at
from pcsweep.model.timm import timm
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork, layout
from pcsweep.network.backbone import cut
from pcsweep.network.layout import check_channels_first


class Permuted(nn.Module):
    """A convolution whose output has its axes in another order; `fixed` takes one image of 28 × 28 alone."""

    def __init__(self, order: tuple[int, int, int], channels: int = 7, fixed: bool = False) -> None:
        super().__init__()
        self.convolution, self.order, self.fixed = nn.Conv2d(3, channels, 4, stride=4), order, fixed

    def forward(self, images):
        made = self.convolution(images).permute(0, *self.order)
        return made.reshape(1, 7, 7, 7) if self.fixed else made


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(
    ("order", "said"),
    [((1, 2, 3), None), ((2, 3, 1), "it puts channels last"), ((1, 3, 2), "height is axis 3 and width axis 2")],
)
def test_seven_channels_on_seven_by_seven_are_told_apart(order, said, fixed):
    torch.manual_seed(0)
    stage = Permuted(order, fixed=fixed)
    if said is None:
        check_channels_first([stage], ["'here'"], torch.zeros(1, 3, 28, 28))
        return
    with pytest.raises(ValueError, match=rf"Expected 'here' to return channels.* it returns \(1, 7, 7, 7\), and {said}"):
        check_channels_first([stage], ["'here'"], torch.zeros(1, 3, 28, 28))


class Stretched(nn.Module):
    def forward(self, maps):
        return maps.mean((2, 3), keepdim=True).permute(0, 2, 3, 1).tile(1, 1, 1, 20)


def test_a_map_of_one_cell_has_its_channels_first_or_last():
    pooled = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1))
    check_channels_first([pooled], ["'pooled'"], torch.zeros(1, 3, 16, 16))
    with pytest.raises(ValueError, match=r"'last' .*\(1, 1, 1, 60\), and it puts channels last"):
        check_channels_first([Stretched()], ["'last'"], torch.zeros(1, 3, 16, 16))


def test_a_map_that_answers_to_nothing_is_not_guessed_at():
    silent = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(6))
    check_channels_first([silent], ["'alive'"], torch.zeros(1, 3, 16, 16))
    nn.init.zeros_(silent[0].weight)
    with pytest.raises(ValueError, match=r"'silent' .*cannot be told"):
        check_channels_first([silent], ["'silent'"], torch.zeros(1, 3, 16, 16))


class Residual(nn.Module):
    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.first, self.axes = nn.Conv2d(3, 3, 3, padding=1), axes
        self.second = nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.MaxPool2d(2))

    def forward(self, images):
        images = images + functional.relu(functional.conv2d(images, self.first.weight, padding=1))
        return self.second(images.permute(0, *self.axes) if self.axes else images)


@pytest.mark.parametrize(("axes", "tried"), [((), False), ((1, 3, 2), True)])
def test_convolutions_and_what_else_is_defined_on_maps_need_no_trial(axes, tried, monkeypatch):
    (stage, _) = cut(nn.Sequential(Residual(*axes).eval(), nn.Flatten()), ["0"])
    trials, usual = [], layout._by_size
    monkeypatch.setattr(layout, "_by_size", lambda *given: trials.append(1) or usual(*given))
    image = torch.zeros(1, 3, 28, 28)
    if axes:
        with pytest.raises(ValueError, match="'here' to return channels, height and width, in that order"):
            check_channels_first([stage], ["'here'"], image)
    else:
        check_channels_first([stage], ["'here'"], image)
    assert bool(trials) is tried


def test_evidence_leaves_torchs_generator_and_the_network_alone():
    stage = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(6)).eval()
    before = {name: tensor.clone() for name, tensor in stage.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    check_channels_first([stage], ["'here'"], torch.zeros(1, 3, 16, 16))
    assert torch.rand(2).equal(expected)
    assert all(tensor.equal(before[name]) and tensor.device.type == "cpu" for name, tensor in stage.state_dict().items())


@pytest.mark.parametrize(
    ("name", "modules", "said"),
    [
        (
            "swin_tiny_patch4_window7_224",
            ("layers.0", "layers.3"),
            r"'layers.0' of SwinTransformer .*\(1, 56, 56, 96\).*channels last",
        ),
        ("mambaout_femto", ("stages.0",), r"'stages.0' of MambaOut .*channels last"),
        (
            "resmlp_12_224",
            ("blocks.0",),
            r"'blocks.0' to return channels, height and width, but got 2 dimensions: MlpMixer returns \(1, 196, 384\) \(tokens\)",
        ),
        ("resnet18", ("layer4", "global_pool"), r"'global_pool' .* got 1 dimensions: ResNet returns \(1, 512\)"),
    ],
)
def test_networks_that_are_no_maps_with_channels_first_are_refused_by_name(name, modules, said):
    with pytest.raises(ValueError, match=said):
        timm(name=name, pcoders=modules, weights="random")


@pytest.mark.parametrize("name", ["convnext_atto", "coatnet_nano_rw_224"])
def test_networks_that_put_channels_last_inside_alone_are_taken(name):
    backbone = timm_network(name)
    assert [shape[1] for shape in shapes_at(backbone, ["stages.2", "stages.3"], 224)] == [224, 14, 7]


def timm_network(name):
    import timm as library

    torch.manual_seed(0)
    return library.create_model(name).eval()


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = Permuted((2, 3, 1))
        self.norm, self.head = nn.LayerNorm(7), nn.Linear(7, 5)

    def forward(self, images):
        return self.head(self.norm(self.embed(images)).mean((1, 2)))


def test_a_network_made_by_hand_is_refused_where_it_is_first_run():
    network = PredictiveNetwork(ChannelsLast(), [PCoder("embed", nn.ConvTranspose2d(7, 3, 4, stride=4))])
    images = torch.zeros(2, 3, 28, 28)
    with pytest.raises(ValueError, match=r"'embed' .*\(1, 7, 7, 7\), and it puts channels last"):
        next(network.run(images, Coefficients(0.4, 0.3, 0.01), 1))
    with pytest.raises(ValueError, match="it puts channels last"):
        next(network.unroll(images, [(0.4, 0.0, 0.0)], 1))
    with pytest.raises(ValueError, match="it puts channels last"):
        predictive(ChannelsLast(), ["embed"], 28, Source("random"), True)
