"""What an attribution costs beside a gradient: the passes of the head that its file says a map takes, with `PASSES`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import torch

from pcsweep.attribution.scene import Scene
from pcsweep.compute.cost import tap_by_tap
from pcsweep.console.text import duration
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint

_GIGA = 1e9


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


@dataclass(eq=False)
class Maps:
    """The maps of one attribution on one model, and the passes of the head that each takes."""

    name: str
    passes: Passes
    rate: float  # multiplications per second
    count: int = 0

    @property
    def seconds(self) -> float:
        """Of all."""
        return self.count * self.passes.multiplications / self.rate

    def __str__(self) -> str:
        """What they take, in a sentence."""
        each, total = (amount * self.passes.multiplications / _GIGA for amount in (1, self.count))
        return (
            f"The attribution {self.name} takes up to {self.passes.count:,} passes of the head for each of {self.count:,} maps: "
            f"{each:,.3g} G multiplications each, {total:,.3g} G in all, about {duration(self.seconds)}"
        )


def maps_of(point: GridPoint, loaded: Loaded, rate: float) -> Maps:
    """Of a point, none of which is counted yet.

    Args:
        rate: multiplications per second.
    """
    layer = "" if point.layer is None else f" at {point.layer}"
    return Maps(f"{point.attribution.name}{layer} on {point.model.name}", passes_of(point, loaded), rate)
