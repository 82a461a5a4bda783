"""What is drawn beside the maps of one image: the first predictor's reconstruction, or what another update rule shows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pcsweep.compute.again import over_time, reconstructions
from pcsweep.grid.loaded import Loaded
from pcsweep.grid.point import GridPoint
from pcsweep.network.dynamics import dynamics_of
from pcsweep.network.engine.run import Moment
from pcsweep.network.loop import Shown
from pcsweep.pcoder.rule import valued

_RECONSTRUCTED = (
    "the noisy image as the first predictor reconstructs it at t, and the mean squared error to it (normalised images)"
)


@dataclass(frozen=True, eq=False)
class Panel:
    """At one timestep.

    Args:
        image: (height, width, 3) in levels of 0 to 255, or numbers, (height, width).
        said: below it.
    """

    image: np.ndarray
    said: str


@dataclass(frozen=True, eq=False)
class Beside:
    """What is drawn beside the maps.

    Args:
        name: in a few words.
        explained: in a sentence.
        panels: at t = 0, 1, ….
    """

    name: str
    explained: str
    panels: Sequence[Panel]

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest number of all timesteps."""
        images = [panel.image for panel in self.panels]
        return float(min(image.min() for image in images)), float(max(image.max() for image in images))


def beside(point: GridPoint, image_id: str, loaded: Loaded) -> Beside | None:
    """What the point's update rule has to draw of one image; None where it is nothing.

    Raises:
        BadSetting: see `pcsweep.compute.again.recomputed`.
    """
    if dynamics_of(point.rule).predicts:
        found = reconstructions(point, image_id, loaded)
        return Beside("reconstruction", _RECONSTRUCTED, [Panel(each.image, f"error {each.error:.3f}") for each in found])
    return _shown(point, image_id, loaded, point.rule) if isinstance(point.rule, Shown) else None


def _shown(point: GridPoint, image_id: str, loaded: Loaded, rule: Shown) -> Beside | None:
    """Of the highest active pcoder, which the map is nearest to; nothing where its representation is no map."""
    number = max(point.active)
    values = valued(rule, point.rules[number - 1])

    def drawn(_noisy: Tensor, moment: Moment) -> np.ndarray | None:
        now, state = moment.representations[number - 1][:1], moment.states[number - 1][:1]
        if now.ndim != 4:
            return None
        mean: np.ndarray = rule.shown(values, now, state)[0].mean(0).float().cpu().numpy()  # (height, width)
        return mean

    found = [image for image in over_time(point, image_id, loaded, rule.shows, drawn) if image is not None]
    if not found:
        return None
    low, high = min(image.min() for image in found), max(image.max() for image in found)
    explained = (
        f"{rule.shows} at pcoder {number}, mean over channels; black is {low:.3g}, white {high:.3g}; and its mean over the map"
    )
    return Beside(rule.shows, explained, [Panel(image, f"mean {image.mean():.3g}") for image in found])
