"""What a network sees over time: r_0(t)."""

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Images that stay, or that are others at every timestep, made when they are asked for: memory does not grow with time.

    Args:
        images: r_0(0), normalised.
        anew: r_0(t) of a later timestep, of the same shape and on the same device; None where the images stay.
        count: of images; all further ones are copies of the last of these, at every timestep. None: all are counted.
    """

    images: Float[Tensor, "batch 3 height width"]
    anew: Callable[[int], Tensor] | None = None
    count: int | None = None

    def at(self, timestep: int) -> Float[Tensor, "batch 3 height width"]:
        """r_0(t)."""
        return self.images if self.anew is None or timestep == 0 else self.anew(timestep)

    @property
    def stays(self) -> bool:
        """Whether r_0(t) is r_0(0) throughout."""
        return self.anew is None


def stimulus_of(images: Tensor | Stimulus) -> Stimulus:
    """Images alone are ones that stay."""
    return images if isinstance(images, Stimulus) else Stimulus(images)
