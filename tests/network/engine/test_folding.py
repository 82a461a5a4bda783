"""What surrounds a convolution is folded into it: the same numbers but for rounding, and only where that is so."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.network.backbone import cut
from pcsweep.network.engine.folding import folded


def normalisation(channels, **settings):
    made = nn.BatchNorm2d(channels, **settings).eval()
    random = torch.Generator().manual_seed(channels)
    for values, least in ((made.running_mean, -1.0), (made.running_var, 0.1), (made.weight, 0.5), (made.bias, -1.0)):
        if values is not None:
            values.data.copy_(torch.rand(values.shape, generator=random) * 2 + least)
    return made


class Functional(nn.Module):
    """As EfficientNets do it: the kernel is handed to the function, and zeros are put around the image by a layer of its own."""

    def __init__(self, pad, **settings):
        super().__init__()
        self.pad, self.convolution, self.norm = nn.ZeroPad2d(pad), nn.Conv2d(4, 6, 3, **settings), normalisation(6)
        self.rectifier = nn.ReLU6()

    def forward(self, maps):
        layer = self.convolution
        made = functional.conv2d(
            self.pad(maps), layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups
        )
        return self.rectifier(self.norm(made))


class NormFunction(nn.Module):
    """As a layer does that normalises and rectifies."""

    def __init__(self, training=False):
        super().__init__()
        self.convolution, self.norm, self.training_flag = nn.Conv2d(4, 6, 3, bias=False), normalisation(6), training

    def forward(self, maps):
        norm = self.norm
        given = (norm.running_mean, norm.running_var, norm.weight, norm.bias, self.training_flag, 0.1, 1e-3)
        return functional.relu(functional.batch_norm(self.convolution(maps), *given))


class Branching(nn.Module):
    """The convolution's own result is needed as well."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(4, 4, 3, padding=1), normalisation(4)

    def forward(self, maps):
        made = self.convolution(maps)
        return self.norm(made) + made


def stage_of(*layers):
    """The part of a network between the image and its last layer but the head."""
    torch.manual_seed(0)
    body = nn.Sequential(*layers)
    network = nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return cut(network, ["0"])[0]


def kinds(stage):
    return {type(module) for module in stage.modules()}


FOLDED = {
    "a layer and its normalisation": lambda: [nn.Conv2d(4, 6, 3, padding=1), normalisation(6), nn.ReLU()],
    "without bias": lambda: [nn.Conv2d(4, 6, 3, bias=False), normalisation(6), nn.ReLU()],
    "a normalisation that learns nothing": lambda: [nn.Conv2d(4, 6, 3), normalisation(6, affine=False)],
    "groups, stride and dilation": lambda: [nn.Conv2d(4, 8, 3, stride=2, dilation=2, groups=4), normalisation(8)],
    "functions": lambda: [Functional(1, bias=False)],
    "functions of each channel": lambda: [Functional((2, 2, 1, 1), stride=2, padding=1, groups=2)],
    "a normalisation that is a function": lambda: [NormFunction()],
    "two in a row": lambda: [nn.Conv2d(4, 5, 1), normalisation(5), nn.ReLU(), nn.Conv2d(5, 6, 3), normalisation(6)],
}


@pytest.mark.parametrize("name", FOLDED)
def test_it_computes_the_same_without_a_normalisation_or_padding(name):
    stage, images = stage_of(*FOLDED[name]()), torch.randn(3, 4, 12, 10)
    made = folded(stage)
    with torch.no_grad():
        expected, got = stage(images), made(images)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=2e-6)
    assert not kinds(made) & {nn.BatchNorm2d, nn.ZeroPad2d}
    assert "batch_norm" not in made.code


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_the_kernel_is_of_the_networks_precision(precision):
    stage = stage_of(nn.Conv2d(4, 6, 3), normalisation(6)).to(precision)
    made, images = folded(stage), torch.randn(2, 4, 8, 8, dtype=precision)
    with torch.no_grad():
        torch.testing.assert_close(made(images), stage(images), rtol=1e-5 if precision == torch.float32 else 1e-13, atol=2e-6)
    assert {parameter.dtype for parameter in made.parameters()} == {precision}


def hooked(layer):
    layer.register_forward_pre_hook(lambda module, given: None)
    return layer


NOT_FOLDED = {
    "its result is needed as well": lambda: [Branching()],
    "a hook": lambda: [hooked(nn.Conv2d(4, 6, 3)), normalisation(6)],
    "statistics of the batch": lambda: [nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, track_running_stats=False)],
    "a function that trains": lambda: [NormFunction(training=True)],
    "something in between": lambda: [nn.Conv2d(4, 6, 3), nn.ReLU(), normalisation(6)],
    "a hook of the normalisation": lambda: [nn.Conv2d(4, 6, 3), hooked(normalisation(6))],
}


@pytest.mark.parametrize("name", NOT_FOLDED)
def test_else_the_stage_stays_what_it_is(name):
    stage = stage_of(*NOT_FOLDED[name]())
    assert folded(stage) is stage


def test_padding_of_one_end_stays_and_its_convolution_is_folded_all_the_same():
    stage, images = stage_of(Functional((0, 1, 0, 1), stride=2)), torch.randn(2, 4, 8, 8)
    made = folded(stage)
    assert nn.ZeroPad2d in kinds(made)
    assert nn.BatchNorm2d not in kinds(made)
    with torch.no_grad():
        torch.testing.assert_close(made(images), stage(images), rtol=1e-5, atol=2e-6)


def test_the_stage_keeps_its_own():
    stage = stage_of(Functional(1), nn.Conv2d(6, 6, 1), normalisation(6), nn.ReLU())
    before = {name: values.clone() for name, values in stage.state_dict().items()}
    flags = [(name, module.inplace) for name, module in stage.named_modules() if hasattr(module, "inplace")]
    images = torch.randn(2, 4, 8, 8)
    kept = images.clone()
    with torch.no_grad():
        expected = stage(images)
        made = folded(stage)
        made(images)
        assert torch.equal(stage(images), expected)
    assert torch.equal(images, kept)
    assert {name: values.tolist() for name, values in stage.state_dict().items()} == {
        name: values.tolist() for name, values in before.items()
    }
    assert [(name, module.inplace) for name, module in stage.named_modules() if hasattr(module, "inplace")] == flags
    assert all(module.inplace for module in made.modules() if isinstance(module, nn.ReLU | nn.ReLU6))


def test_a_rectifier_writes_over_nothing_that_is_needed_elsewhere():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution, self.norm, self.rectifier = nn.Conv2d(4, 4, 1), normalisation(4), nn.ReLU()

        def forward(self, maps):
            made = self.norm(self.convolution(maps))
            return self.rectifier(made) - made

    stage, images = stage_of(Twice()), torch.randn(2, 4, 6, 6)
    made = folded(stage)
    assert nn.BatchNorm2d not in kinds(made)
    with torch.no_grad():
        torch.testing.assert_close(made(images), stage(images), rtol=1e-5, atol=2e-6)


def test_changed_statistics_are_seen():
    torch.manual_seed(0)
    norm = normalisation(4)
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), norm, nn.ReLU())
    network = PredictiveNetwork(
        nn.Sequential(body, nn.AdaptiveAvgPool2d(1), nn.Flatten()), [PCoder("0", nn.ConvTranspose2d(4, 3, 3, padding=1), 20.0)]
    )
    images = torch.randn(8, 3, 16, 16)

    def at_0():
        (state,) = network.run(images, Coefficients(0.5, 0.2, 0.01), 0)
        return state.representations[0]

    first = at_0()
    norm.running_mean += 1
    second = at_0()
    with torch.no_grad():
        torch.testing.assert_close(second, network.feedforward(images)[0], rtol=1e-5, atol=2e-6)
    assert not torch.allclose(first, second)
