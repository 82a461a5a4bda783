"""Which layers of a network are covered, and with which shapes."""

import pytest
import torch
from torch import nn

from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.layers import convolutions
from pcsweep.network.engine.shapes import shapes_of


def covered(backbone, *pcoders):
    """(pcoder, name, channels, directions) of the covered layers for images of 8 × 8."""
    network = PredictiveNetwork(backbone, [PCoder(*each) for each in pcoders])
    stages = list(network.stages)
    found = convolutions(stages, list(network.predictors), shapes_of(stages, torch.zeros(1, 3, 8, 8)))
    return [(each.pcoder, each.name, each.layer.channels, each.layer.directions) for each in found]


def two_stages(second):
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), second, nn.Flatten())


def test_predictors_come_first_and_the_lowest_stage_is_used_in_no_direction_over_time():
    backbone = two_stages(nn.Conv2d(4, 6, 3, padding=1))
    predictors = nn.ConvTranspose2d(4, 3, 3, padding=1), nn.Sequential(nn.ConvTranspose2d(6, 4, 3, padding=1), nn.ReLU())
    assert covered(backbone, ("1", predictors[0]), ("2", predictors[1])) == [
        (0, None, (4, 3), (False, True)),
        (1, None, (6, 4), (False, True)),
        (0, "0", (4, 3), ()),
        (1, "2", (6, 4), (True,)),
    ]


@pytest.mark.parametrize(
    "predictor",
    [
        nn.ConvTranspose2d(4, 3, 3),  # of another size than the image
        nn.ConvTranspose2d(4, 5, 3, padding=1),  # of other channels
        nn.Sequential(nn.ConvTranspose2d(4, 3, 3, padding=1), nn.Sigmoid()),
        nn.Identity(),
    ],
)
def test_other_predictors_are_left_to_autograd(predictor):
    backbone = two_stages(nn.Conv2d(4, 6, 3, padding=1))
    assert [pcoder for pcoder, name, *_ in covered(backbone, ("1", predictor)) if name is None] == []


@pytest.mark.parametrize("layer", [nn.Conv2d(4, 6, 3, stride=2), nn.Conv2d(4, 4, 3, groups=2), nn.MaxPool2d(2), nn.Identity()])
def test_other_layers_of_a_stage_stay_as_they_are(layer):
    pcoders = ("1", nn.ConvTranspose2d(4, 3, 3, padding=1)), ("2", nn.Identity())
    assert [name for _, name, *_ in covered(two_stages(layer), *pcoders)] == [None, "0"]


def test_shapes_are_those_of_one_image_and_leave_out_what_runs_twice():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.again, self.end = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2), nn.Identity()

        def forward(self, images):
            return self.end(self.again(self.again(self.first(images)))).flatten(1)

    stages = list(PredictiveNetwork(Twice(), [PCoder("end", nn.Identity())]).stages)
    shapes = shapes_of(stages, torch.zeros(1, 3, 8, 8))
    assert shapes.representations == [(3, 8, 8), (4, 2, 2)]
    assert shapes.inputs == [{"first": (3, 8, 8), "end": (4, 2, 2)}]
    assert shapes.largest == [4 * 8 * 8]
