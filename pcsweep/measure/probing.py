"""A network asked about other images: by the dynamics of one grid point, from t = 0 to the timestep of a map."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pcsweep.metric.perturbation import Perturbation, Probe
from pcsweep.network import PredictiveNetwork
from pcsweep.pcoder.rule import UpdateRule, Values


@dataclass(frozen=True, eq=False)
class Look:
    """What is made of one moment of some grid points: a row per image, or per point and image where they differ between points.

    Args:
        timestep: t.
        points: numbers of the points, as they were given.
        images: how many.
        still: whether the representation has not moved since t = 0, whatever the image.
        maps: as the attribution makes them, (rows, map height, map width).
        logits: (rows, classes).
        target: class index, (rows,).
        columns: what was measured, (rows, …) each.
    """

    timestep: int
    points: tuple[int, ...]
    images: int
    still: bool
    maps: Tensor
    logits: Tensor
    target: Tensor
    columns: dict[str, Tensor]

    @property
    def shared(self) -> bool:
        """Whether all these points have the same rows."""
        return len(self.maps) == self.images

    @property
    def apart(self) -> list[tuple[int, ...]]:
        """The points by their rows: those that have the same rows together."""
        return [self.points] if self.shared else [(point,) for point in self.points]

    def rows(self, point: int) -> slice:
        """Of a point's images."""
        first = 0 if self.shared else self.points.index(point) * self.images
        return slice(first, first + self.images)


@dataclass(frozen=True, eq=False)
class Probing:
    """A network and the images that it is asked about in other versions.

    Args:
        network: on the images' device.
        rule: how it is updated.
        images: (batch, 3, height, width), noisy, normalised, as many as a multiple of `ROWS`.
        rows: images that are computed at once, at most, but at least all of one version.
        perturbation: the settings.
        advance: is told how many timesteps have been computed of all images together.
    """

    network: PredictiveNetwork
    rule: UpdateRule
    images: Tensor
    rows: int
    perturbation: Perturbation
    advance: Callable[[int], None]

    def probe(self, point: Sequence[Values], timestep: int, target: Int[Tensor, " batch"]) -> Probe:
        """Asks for the probabilities of these targets at t, by the coefficients of a point."""
        return Probe(self.images, partial(self._probabilities, point, timestep, target), self.perturbation)

    def _probabilities(
        self, point: Sequence[Values], timestep: int, target: Tensor, variants: Iterable[Tensor]
    ) -> Float[Tensor, "variants batch"]:
        found = []
        for some in _together(variants, max(1, self.rows // len(self.images))):
            logits = self._logits(torch.cat(some), point, timestep)  # (some · batch, classes)
            wanted = target.repeat(len(some))[:, None]
            found.append(logits.softmax(1).gather(1, wanted).view(len(some), -1))
            self.advance(len(some) * (timestep + 1))
        return torch.cat(found)

    @torch.no_grad()
    def _logits(self, images: Tensor, point: Sequence[Values], timestep: int) -> Tensor:
        representation = images
        for moment in self.network.moments(images, self.rule, [point], timestep, len(images)):
            representation = moment.representations[-1]
        logits: Tensor = self.network.head(representation)
        return logits.float()


def _together(variants: Iterable[Tensor], count: int) -> Iterator[list[Tensor]]:
    """So many at a time."""
    rest = iter(variants)
    while some := list(islice(rest, count)):
        yield some
