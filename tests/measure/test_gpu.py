"""Measuring on a GPU: nothing waits for the device in the loop over time, and nothing there meets a tensor of the host."""

from itertools import product
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
import yaml
from fake_gpu import Waits, fake_gpu, without_memory
from toy_network import MODULES, Backbone, predictors

from pcsweep.attribution import random
from pcsweep.attribution.every_layer import LevelScene, attributed_at
from pcsweep.attribution.scene import attributed
from pcsweep.dataset import Sample
from pcsweep.grid.attribution import attribution_settings
from pcsweep.grid.entry import conf_folder
from pcsweep.machine.device import computing_in
from pcsweep.machine.transfer import to_device, to_host
from pcsweep.measure.batch import Batch
from pcsweep.measure.measurement import Measurement
from pcsweep.measure.truth import truth_of
from pcsweep.metric import ASKED, TABLE
from pcsweep.model import Model, Preprocessing
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.convolution.direct import Direct
from pcsweep.network.engine import build
from pcsweep.pcoder import rules

CUDA, META = torch.device("cuda"), torch.device("meta")
FOLDER = Path(conf_folder()) / "attribution"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
# What has to wait: how many passes a map takes depends on the activations; the library looks at what its solver reports; what
# is drawn depends on the bytes of the image.
WAITING = {"ablation_cam": {"nonzero"}, "eigen_cam": {"_linalg_eigh"}, "random": {"_to_copy"}}
ON_HOST = {"max_box_acc"}  # whose connected parts are found by scipy
ASKING = {name for name, row in TABLE.items() if row.variants}  # after the loop over time
POINTS = {"predictive_coding": [[(0.3, 0.2, 0.01)] * 3, [(0.5, 0.2, 0.0)] * 3], "adaptation": [[(0.5, 0.5)] * 3]}
BATCH, SIZE = 8, 16


@pytest.fixture
def watched(request, monkeypatch):
    """The device `cuda` or `meta`, as the test's parameter says."""
    monkeypatch.setattr(build, "fastest", lambda kernel, layer, *_: Direct(kernel, layer.geometry))
    monkeypatch.setattr(random, "_generator", lambda image, seed: torch.Generator().manual_seed(seed))  # reads the image's bytes
    with {"cuda": fake_gpu, "meta": without_memory}[request.param]() as watched:
        yield watched


def attribution(name):
    """As its YAML chooses it: at r_N(t), or at every pcoder if that is asked for."""
    chosen = attribution_settings(yaml.safe_load((FOLDER / f"{name}.yaml").read_text().replace("${seed}", "0")), []).choice

    def attribute(scene):
        if isinstance(scene, LevelScene):
            return attributed_at(scene, chosen.function, chosen.arguments)
        return attributed(chosen.function, chosen.arguments, scene)

    return attribute


def measurement(device, attribute, rule="predictive_coding", **changed):
    with device:
        network = PredictiveNetwork(Backbone(), [PCoder(m, p, 20.0) for m, p in zip(MODULES, predictors(), strict=True)])
    network.rectified = lambda image: [True] * 3  # else tried on the device, once for a network
    how = {
        "model": Model(network, (0.5,) * 3, (0.5,) * 3, ("a",) * 10, Preprocessing(SIZE, SIZE)),
        "rule": rules()[rule],
        "points": POINTS[rule],
        "attribution": attribute,
        "target": "label",
        "timesteps": 2,
        "threshold": 0.5,
        "thresholds": (0.25, 0.75),
        "metrics": [name for name in ASKED if name not in ON_HOST | ASKING],
        "precision": "fp32",
        "rows": 16,
        "pictured": frozenset({"0"}),
    }
    return Measurement(**how | changed)


def batch(anew):
    mask = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    samples = [Sample(str(number), torch.zeros(3, SIZE, SIZE), mask, mask, number, "") for number in range(BATCH)]
    noisy = torch.zeros(BATCH, 3, SIZE, SIZE)
    return Batch(samples, noisy, (lambda timestep: noisy + timestep) if anew else None)


def looked(measurement, given, device, watched):
    """What is launched for each moment; waiting is an error there."""
    truth, stimulus = truth_of(given.samples, BATCH, device), given.stimulus(device)
    with torch.no_grad():
        measurement.model.network.engine(stimulus.images[:1])
    found = {}
    for look, launched in watched.over(measurement._looks(stimulus, truth)):
        tensors = [look.maps, look.logits, look.target, *look.columns.values()]
        assert {tensor.device.type for tensor in tensors} == {device.type}
        assert look.columns.keys() >= {"iou", "target_logit", "map"}
        found[look.timestep, look.points] = launched
    assert {timestep for timestep, _ in found} == {0, 1, 2}
    return found


@pytest.mark.parametrize("watched", ["meta"], indirect=True)
@pytest.mark.parametrize("name", NAMES)
def test_every_attribution(watched, name):
    watched.allowed = WAITING.get(name, set())
    attribute = attribution(name)
    for rule, target, anew in (("predictive_coding", "predicted_at_0", True), ("adaptation", "predicted", False)):
        looked(measurement(META, attribute, rule, target=target), batch(anew), META, watched)
    assert set(watched.waits) >= watched.allowed


@pytest.mark.parametrize("watched", ["meta"], indirect=True)
@pytest.mark.parametrize("name", ["grad_cam", "hires_cam", "ablation_cam"])
@pytest.mark.parametrize("rule", POINTS)
def test_an_attribution_at_every_pcoder(watched, name, rule):
    watched.allowed = WAITING.get(name, set())
    attribute = attribution(name)
    looked(measurement(META, attribute, rule, every_layer=True), batch(rule == "adaptation"), META, watched)


@pytest.mark.parametrize("watched", ["cuda"], indirect=True)
@pytest.mark.parametrize(
    ("name", "rule", "precision"),
    [
        *product(["uniform"], POINTS, ["fp32", "tf32", "bf16"]),
        *product(["center", "random", "eigen_cam", "ablation_cam"], ["predictive_coding"], ["fp32"]),
    ],
)
def test_what_does_not_differentiate_on_cuda(watched, name, rule, precision):
    watched.allowed = WAITING.get(name, set())
    attribute = attribution(name)
    for anew in (False, True):
        with computing_in(precision, CUDA):
            looked(measurement(CUDA, attribute, rule, precision=precision), batch(anew), CUDA, watched)


@pytest.mark.parametrize("watched", ["meta"], indirect=True)
def test_the_head_runs_once_for_each_moment(watched):
    """The logits are those of the pass that Grad-CAM takes its gradient of."""
    attribute = attribution("grad_cam")
    on = measurement(META, attribute, target="predicted")
    passes = []
    on.model.network.head.register_forward_hook(lambda *_: passes.append(1))
    moments = looked(on, batch(False), META, watched)
    assert len(passes) == len(moments)


@pytest.mark.parametrize("watched", ["meta"], indirect=True)
def test_an_attribution_that_waits_is_found(watched):
    def asking(scene):
        return scene.representation.sum(1) * float(scene.representation.sum().item() > 0)

    with pytest.raises(Waits):
        looked(measurement(META, asking), batch(False), META, watched)


@pytest.mark.parametrize("watched", ["cuda"], indirect=True)
def test_results_come_back_in_one_copy_of_each_type(watched):
    with CUDA:
        tensors = [
            torch.zeros(2, 3),
            torch.zeros(4, dtype=torch.int64),
            torch.ones(5),
            torch.zeros(0),
            torch.zeros((), dtype=torch.bool),
        ]
    with patch("torch.cuda.current_stream") as stream, watched.strictly() as launched:
        found = to_host(tensors)
    stream.return_value.synchronize.assert_called_once_with()
    assert [(each.shape, each.dtype, each.device.type) for each in found] == [(each.shape, each.dtype, "cpu") for each in tensors]
    assert launched.count("copy_") == 3


@pytest.mark.parametrize("watched", ["cuda"], indirect=True)
def test_images_go_there_without_waiting(watched):
    with watched.strictly() as launched:
        sent = to_device(torch.zeros(2, 3), CUDA)
        assert to_device(sent, CUDA) is sent
    assert sent.device.type == "cuda"
    assert launched == ["_to_copy"]


def test_on_the_host_nothing_is_copied():
    tensors = [torch.zeros(2), torch.ones(1)]
    assert all(one is other for one, other in zip(to_host(tensors), tensors, strict=True))
    assert to_device(tensors[0], torch.device("cpu")) is tensors[0]
    assert to_host([]) == []
