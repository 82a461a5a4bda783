"""What an attribution costs beside a gradient: the passes of the head that its file says a map takes, with `PASSES`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pcsweep.attribution.scene import Scene
from pcsweep.compute.cost import tap_by_tap
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint


@dataclass(frozen=True)
class Passes:
    """Of one map: how many passes of the head at most, and their multiplications."""

    count: int
    multiplications: int


def passes_of(point: GridPoint, loaded: Loaded) -> Passes:
    """The passes of the head for one image at one timestep; none of an attribution whose file does not say `PASSES`.

    `PASSES` is a function from the number of channels of A to the number of passes.
    """
    function: Callable[[int], int] | None
    function = getattr(sys.modules[point.attribution.function.__module__], "PASSES", None)
    if function is None:
        return Passes(0, 0)
    network = loaded.model(point.model).network
    device = next(network.parameters()).device
    image = loaded.dataset(point.dataset)[point.selection(loaded)[0]].image[None].to(device)
    with torch.no_grad():
        representation = network.feedforward(image)[-1]
        scene = Scene(
            network.head,
            representation,
            torch.zeros(1, dtype=torch.int64, device=device),
            image,
            None if point.every_layer else point.layer,
        )
        count = function(scene.activation.shape[1])
    return Passes(count, count * tap_by_tap(network, image, point.rule).head)
