"""An attribution gets those parts of a scene that its parameters name."""

import pytest
import torch
from configured import LOADED
from hydra import compose, initialize_config_dir
from torch import nn

from pcsweep.attribution.grad_cam import grad_cam
from pcsweep.attribution.hires_cam import hires_cam
from pcsweep.attribution.scene import Scene, attributed
from pcsweep.compute.run import run_pack
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import points_from
from pcsweep.study import shards


@pytest.fixture
def scene():
    """Two grid points on three images."""
    torch.manual_seed(0)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))
    return Scene(head, torch.randn(6, 4, 7, 7), torch.arange(6) % 5, torch.randn(3, 3, 8, 8))


def test_each_row_has_the_image_that_it_is_of(scene):
    assert torch.equal(attributed(lambda image: image[:, 0], {}, scene), torch.cat([scene.images, scene.images])[:, 0])


def test_parts_are_given_by_name_whatever_their_order(scene):
    def mine(target, representation, *, scale):
        return scale * representation[torch.arange(len(target)), target % 4]

    rows = torch.arange(6)
    assert torch.equal(attributed(mine, {"scale": 2.0}, scene), 2.0 * scene.representation[rows, scene.target % 4])


def test_the_public_grad_cam_asks_for_three(scene):
    expected = grad_cam(scene.head, scene.representation, scene.target)
    assert torch.equal(attributed(grad_cam, {"layer": None}, scene), expected)


class Counted(nn.Module):
    """A head of two convolutions, the first of which writes into what it is given, that counts its passes."""

    def __init__(self):
        super().__init__()
        self.relu, self.conv, self.linear = nn.ReLU(inplace=True), nn.Conv2d(4, 6, 3), nn.Linear(6, 5)
        self.passes = 0

    def forward(self, representation):
        self.passes += 1
        return self.linear(self.conv(self.relu(representation.clone())).mean((2, 3)))


@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("layer", [None, "relu", "conv"])
@pytest.mark.parametrize("function", [grad_cam, hires_cam])
def test_the_logits_come_from_the_pass_that_the_gradient_is_taken_of(function, layer, bf16):
    torch.manual_seed(0)
    head, representation, images = Counted().eval(), torch.randn(8, 4, 7, 7), torch.randn(8, 3, 8, 8)
    settings = {"layer": layer} if function is grad_cam else {}
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        expected = head(representation).detach()
        target = expected.argmin(1)
        known = attributed(function, settings, Scene(head, representation, target, images, layer))
        head.passes = 0
        scene = Scene(head, representation, lambda logits: logits.argmin(1), images, layer)
        maps = attributed(function, settings, scene)
        made_before = head.passes
        assert torch.equal(scene.logits, expected)
    assert head.passes == made_before  # whatever it took to check the layer
    assert not scene.logits.requires_grad
    assert torch.equal(scene.target, target)
    assert torch.equal(maps, known)
    if function is grad_cam:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            assert torch.equal(maps, grad_cam(head, representation, target, layer))
    assert maps.amax((1, 2)).gt(0).any()


def test_a_second_attribution_of_a_scene_runs_no_pass_more():
    scene = Scene(Counted().eval(), torch.randn(8, 4, 7, 7), torch.arange(8) % 5, torch.randn(8, 3, 8, 8))
    assert torch.equal(attributed(grad_cam, {"layer": None}, scene), attributed(grad_cam, {"layer": None}, scene))
    assert scene.head.passes == 1


def test_a_scene_without_a_gradient_has_a_pass_for_its_logits(scene):
    assert torch.equal(scene.logits, scene.head(scene.representation).detach())
    assert not scene.logits.requires_grad


def test_an_attribution_at_a_layer_of_its_own_is_not_that_of_the_scene():
    head = Counted().eval()
    scene = Scene(head, torch.randn(8, 4, 7, 7), torch.arange(8) % 5, torch.randn(8, 3, 8, 8))
    at_conv = attributed(grad_cam, {"layer": "conv"}, scene)
    assert torch.equal(at_conv, grad_cam(head, scene.representation, scene.target, "conv"))


def test_another_part_is_refused_with_those_that_there_are(scene):
    def mine(head, mask):
        """Asks for what would give the answer away."""

    parts = "head, representation, target, image, layer, activation, gradient, above"
    said = f"Expected an attribution to ask for {parts}, but mine asks for 'mask'; a setting"
    with pytest.raises(ValueError, match=said):
        attributed(mine, {}, scene)


EXTENSION = """
import torch

def bright(image, representation, *, layer: str | None = None, power: float = 1.0):
    return image.mean(1).abs() ** power + 0 * representation.mean((1, 2, 3))[:, None, None]
"""


def test_an_attribution_of_the_images_runs_in_packs_as_alone(tmp_path, monkeypatch):
    (tmp_path / "my_maps.py").write_text(EXTENSION)
    monkeypatch.chdir(tmp_path)
    words = [
        "extensions=[my_maps]",
        "attribution._target_=my_maps.bright",
        "dataset.limit=5",
        "timesteps=1",
    ]

    def computed(study, *grid):
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            configs = [compose("config", overrides=[*words, f"study={study}", each]) for each in grid]
        points = points_from(configs, range(len(configs)), LOADED)
        run_pack(points, LOADED)
        return [shards.read(point.shard).table["iou"].to_pylist() for point in points]

    together = computed("together", "pcoder.beta=0.4", "pcoder.beta=0.7")
    assert together == [*computed("first", "pcoder.beta=0.4"), *computed("second", "pcoder.beta=0.7")]
    assert together[0] == together[1]  # it asks for nothing that coefficients change
    assert len(set(together[0])) > 2
