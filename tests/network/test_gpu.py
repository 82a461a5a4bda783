"""On a GPU nothing over time waits for the device or meets a tensor of the host, maps are channels last, and launches are few."""

from collections import Counter
from itertools import product

import pytest
import torch
import torchvision
from fake_gpu import OtherDevice, Waits, fake_gpu
from toy_network import MODULES, Backbone, predictors

from pcsweep.machine.device import computing_in
from pcsweep.model import pvgg16
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.convolution.choice import Option
from pcsweep.network.convolution.direct import Direct, Phases
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.engine import build, layers
from pcsweep.network.engine.arrays import channels_last
from pcsweep.network.stimulus import Stimulus
from pcsweep.pcoder import rules
from pcsweep.pcoder.adaptation import Adaptation
from pcsweep.pcoder.surround import Surround

CUDA = torch.device("cuda")
PRECISIONS = ("fp32", "tf32", "bf16")
WAYS = {
    "direct": lambda kernel, layer, *_: Direct(kernel, layer.geometry),
    "phases": lambda kernel, layer, *_: Phases(kernel, layer.geometry),
    "spectral": lambda kernel, layer, workspace, *_: Spectral(kernel, layer.geometry, 7, workspace),
}
POINTS = {
    "predictive_coding": [[(0.3, 0.2, 0.01)] * 3, [(0.5, 0.2, 0.1)] * 3, [(1.0, 0.0, 0.0), (0.5, 0.0, 0.0), (1.0, 0.0, 0.01)]],
    "adaptation": [[(0.5, 0.5)] * 3, [(0.0, 0.0)] * 3],
    "surround": [[(0.5, 0.5)] * 3, [(0.0, 1.0)] * 3],
}


@pytest.fixture(scope="module")
def gpu():
    with fake_gpu() as watched:
        yield watched


@pytest.fixture(scope="module")
def computed(gpu):
    """A small network there whose predictors are computed in that way, since without a clock none is the fastest; and images."""
    with CUDA:
        networks, images = {way: small() for way in WAYS}, torch.zeros(8, 3, 16, 16)

    def computed(way="direct", precision="fp32"):
        with pytest.MonkeyPatch.context() as patch, computing_in(precision, CUDA), torch.no_grad():
            patch.setattr(build, "fastest", WAYS[way])
            networks[way].engine(images[:1])
        return networks[way], images

    return computed


def small():
    """Three levels, on the GPU as a run puts it there."""
    made = [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)]
    network = PredictiveNetwork(Backbone(), made)
    network.rectified = lambda image: [True, False, True]  # else tried on the device, once for a network
    channels_last(network)  # as `PredictiveNetwork.on` leaves it
    return network


def stimuli(images):
    return {"fixed": images, "anew": Stimulus(images, lambda timestep: images + timestep)}


def assert_on_gpu(representations):
    for r in representations:
        assert r.device.type == "cuda"
        assert r.dtype == torch.float32


def assert_channels_last(representations):
    for r in representations:
        assert r.is_contiguous(memory_format=torch.channels_last), (r.shape, r.stride())


# tf32 asks for the same operations as fp32, and no transform is taken in bf16.
@pytest.mark.parametrize(
    ("way", "precision", "noise"),
    [
        *product(["direct"], PRECISIONS, ["fixed", "anew"]),
        *(("phases", precision, "anew") for precision in PRECISIONS),
        ("spectral", "fp32", "anew"),
    ],
)
def test_the_engine(gpu, computed, way, precision, noise):
    network, images = computed(way, precision)
    stimulus, seen = stimuli(images)[noise], []
    with computing_in(precision, CUDA), torch.no_grad():
        for moment, launched in gpu.over(
            network.moments(stimulus, rules()["predictive_coding"], POINTS["predictive_coding"], 2, 16)
        ):
            assert_on_gpu(moment.representations)
            assert_channels_last(moment.representations)
            assert launched
            assert [len(r) for r in moment.representations] in (
                [8] * 3,
                [8 * len(moment.points)] * 3,
                [8, 8, 8 * len(moment.points)],
            )
            seen.append(moment.timestep)
    assert seen.count(0) == 1
    assert seen.count(2) >= 2


@pytest.mark.parametrize(
    ("rule", "precision", "noise"),
    [
        (rule, precision, noise)
        for rule in (Adaptation(), Surround(), Surround(border="zero"), Surround(form="divisive"))
        for precision, noise in product(PRECISIONS, ["fixed", "anew"])
    ],
    ids=lambda each: each if isinstance(each, str) else f"{each.name} {' '.join(map(str, vars(each).values()))}".strip(),
)
def test_the_loop(gpu, computed, rule, precision, noise):
    points = [[(0.5, 1.0)] * 3] if rule == Surround(form="divisive") else POINTS[rule.name]
    network, images = computed()
    with computing_in(precision, CUDA), torch.no_grad():
        moments = network.moments(stimuli(images)[noise], rule, points, 3, 16)
        assert [next(moments).timestep for _ in range(2)] == [0, 1]  # until here a rule may put constants on the device
        for moment, launched in gpu.over(moments):
            assert launched
            assert_on_gpu(moment.representations)
            if precision != "bf16":  # in which torch asks for a real cuDNN before it says that a convolution's result is so
                assert_channels_last(moment.representations)


class Asking(Adaptation):
    """A copy of a rule that asks the device for a number at every timestep."""

    def step(self, values, drive, before, average, rectified):
        after, average = super().step(values, drive, before, average, rectified)
        return (after if after.mean().item() < 1e9 else drive), average


class Meeting(Adaptation):
    """One that adds a tensor of the host."""

    def step(self, values, drive, before, average, rectified):
        after, average = super().step(values, drive, before, average, rectified)
        return after + torch.zeros(after.shape[1:], device="cpu"), average


class Copying(Adaptation):
    """One that copies a list to the device."""

    def step(self, values, drive, before, average, rectified):
        after, average = super().step(values, drive, before, average, rectified)
        return after * after.new_tensor([1.0]), average


class Indexing(Adaptation):
    """One that chooses rows by numbers that the host has."""

    def step(self, values, drive, before, average, rectified):
        after, average = super().step(values, drive, before, average, rectified)
        return after[torch.arange(len(after), device="cpu")], average


class Picking(Adaptation):
    """One whose result has a size that the device decides."""

    def step(self, values, drive, before, average, rectified):
        after, average = super().step(values, drive, before, average, rectified)
        return after.masked_fill(after > after[after > 0].mean(), 0), average


@pytest.mark.parametrize(
    ("rule", "error"),
    [(Asking, Waits), (Copying, Waits), (Picking, Waits), (Meeting, OtherDevice), (Indexing, OtherDevice)],
)
def test_what_waits_or_meets_the_host_is_found(gpu, computed, rule, error):
    """The check itself: each of these would be slow, or fail, on a GPU alone."""
    network, images = computed()
    with torch.no_grad(), pytest.raises(error):
        list(gpu.over(network.moments(images, rule(), POINTS["adaptation"], 1, 16)))


# Launches per timestep from t = 2 on, of 8 images at one point, without head and attribution: docs/speed.md has them as a table.
LAUNCHES = {
    ("predictive_coding", "fp32"): 72,
    ("predictive_coding", "tf32"): 72,
    ("predictive_coding", "bf16"): 100,
    ("adaptation", "fp32"): 70,
    ("adaptation", "tf32"): 70,
    ("adaptation", "bf16"): 80,
    ("surround", "fp32"): 85,
    ("surround", "tf32"): 85,
    ("surround", "bf16"): 95,
}


@pytest.fixture(scope="module")
def vgg16_launches(gpu):
    """By rule and precision: what each timestep of PVGG16 launches."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "fastest", WAYS["direct"])
        patch.setattr(layers, "chosen", lambda covered, budget: [Option(None, 0.0, 0)] * len(covered))  # of no use on a GPU
        with CUDA:
            backbone = torchvision.models.vgg16(weights=None, init_weights=False).eval()
            made = [PCoder(m, p, 20.0) for m, p in zip(pvgg16.MODULES, pvgg16.predictors(), strict=True)]
            network, images = PredictiveNetwork(backbone, made), torch.zeros(8, 3, 224, 224)
        channels_last(network)
        network.rectified = lambda image: [True] * 5
        for rule, precision in LAUNCHES:
            points = [[POINTS[rule][0][0]] * 5]
            with computing_in(precision, CUDA), torch.no_grad():
                network.engine(images[:1])
                moments = network.moments(images, rules()[rule], points, 3, 8)
                next(moments), next(moments)
                found[rule, precision] = [launched for _, launched in gpu.over(moments)]
    return found


@pytest.mark.parametrize(("rule", "precision"), LAUNCHES)
def test_launches_per_timestep(vgg16_launches, rule, precision):
    second, third = vgg16_launches[rule, precision]
    assert second == third
    assert len(second) == LAUNCHES[rule, precision], Counter(second)
