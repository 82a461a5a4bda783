"""Every update rule that is computed step by step runs on every model, in packs, and a point's numbers are its own."""

import pytest
import torch

from pcsweep.model.pefficientnet_b0 import pefficientnet_b0
from pcsweep.model.pefficientnet_lite0 import pefficientnet_lite0
from pcsweep.model.pminivgg import pminivgg
from pcsweep.model.predify_toml import predify_toml
from pcsweep.model.pvgg16 import pvgg16
from pcsweep.model.timm import timm
from pcsweep.network.engine.run import ROWS
from pcsweep.network.loop import Stepping
from pcsweep.pcoder import rules
from pcsweep.pcoder.surround import Surround

SIDE = 32
TOML = """
name = "Small"
imports = []
gradient_scaling = true
shared_hyperparameters = true
input_size = [3, 32, 32]
[[pcoders]]
module = "layer1"
predictor = "ConvTranspose2d(64, 3, kernel_size=4, stride=4)"
hyperparameters = {feedforward=0.4, feedback=0.1, pc=0.01}
"""
STEPPING = [rule for rule in rules().values() if isinstance(rule, Stepping)] + [Surround("divisive", border="zero")]


def of_toml(folder):
    path = folder / "small.toml"
    path.write_text(TOML)
    return predify_toml(config=path, backbone="resnet18", weights="random")


MODELS = {
    "pminivgg": lambda _: pminivgg(),
    "pvgg16": lambda _: pvgg16("random", "random"),
    "pefficientnet_lite0": lambda _: pefficientnet_lite0("random", "random"),
    "pefficientnet_b0": lambda _: pefficientnet_b0("random", "random"),
    "timm": lambda _: timm(name="mobilenetv3_small_050", pcoders=("conv_stem", "blocks.1"), weights="random"),
    "predify_toml": of_toml,
}


@pytest.fixture(scope="module", params=MODELS)
def network(request, tmp_path_factory):
    return MODELS[request.param](tmp_path_factory.mktemp("model")).network


def computed(network, rule, points, images):
    found = {}
    for moment in network.moments(images, rule, points, 2, ROWS):
        for number in moment.points:
            found[number, moment.timestep] = [r.clone() for r in moment.representations]
    return found


@pytest.mark.parametrize("rule", STEPPING, ids=lambda rule: f"{rule.name}-{getattr(rule, 'form', '')}")
def test_a_rule_runs_on_every_model_in_packs(network, rule):
    images = torch.randn(ROWS, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    stages = len(network.stages)
    with torch.no_grad():
        sides = [min(r.shape[-2:]) for r in network.feedforward(images[:1])]
    moving = tuple(0.2 if each.highest > 1 else each.plain if each.plain else 0.5 for each in rule.coefficients)
    plain = tuple(each.plain for each in rule.coefficients)
    point = [moving if side > 3 else plain for side in sides]  # the last levels of small images have no surround
    together = computed(network, rule, [[plain] * stages, point], images)
    alone = computed(network, rule, [point], images)
    for t in range(3):
        assert all(bool(r.isfinite().all()) for r in alone[0, t])
        assert all(map(torch.equal, together[1, t], alone[0, t]))
        assert all(map(torch.equal, together[0, t], together[0, 0]))
    assert not torch.equal(alone[0, 2][-1], alone[0, 0][-1])
