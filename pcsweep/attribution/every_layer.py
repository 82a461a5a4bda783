"""One attribution at every pcoder: a scene for each, all served by one backward pass within the timestep."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from pcsweep.attribution.at_layer import single
from pcsweep.attribution.scene import attributed, parts_of
from pcsweep.network.within import Within

ALL = "all"  # the setting `attribution.layer`
_PARTS = ("activation", "gradient", "above", "layer", "representation", "target", "image")


@dataclass(frozen=True, eq=False)
class Levels:
    """Some rows at one timestep, whose gradient at every level is computed once, when the first is asked for.

    Args:
        within: the network at that timestep.
        target: class index of each row.
        image: the noisy, normalised image of each row.
    """

    within: Within
    target: Int[Tensor, " rows"]
    image: Float[Tensor, "rows 3 height width"]

    @cached_property
    def gradients(self) -> dict[int, Tensor]:
        """Of the target's logit by r_n(t), by n from 1."""
        return self.within.derivatives(self.target)

    @property
    def scenes(self) -> "list[LevelScene]":
        """From the lowest pcoder up."""
        return [LevelScene(self, n) for n in range(1, len(self.within.representations) + 1)]


@dataclass(frozen=True, eq=False)
class LevelScene:
    """What an attribution may ask for at pcoder n, with the names that `pcsweep.attribution.scene.Scene` has for it.

    Args:
        levels: all of them.
        n: number of the pcoder, from 1.
    """

    levels: Levels
    n: int

    @property
    def representation(self) -> Tensor:
        """r_n(t)."""
        return self.levels.within.representations[self.n - 1]

    @property
    def activation(self) -> Float[Tensor, "rows channels map_height map_width"]:
        """A: r_n(t) in single precision at least.

        Raises:
            ValueError: it is no map.
        """
        if self.representation.ndim != 4:
            shape = tuple(self.representation.shape)
            raise ValueError(f"Expected maps of channels, height and width at every pcoder, but pcoder {self.n} has {shape}.")
        return single(self.representation)

    @property
    def gradient(self) -> Float[Tensor, "rows channels map_height map_width"]:
        """∂y/∂A, y the logit of each row's target class at t."""
        return single(self.levels.gradients[self.n])

    @property
    def above(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The network above A within the timestep."""
        return partial(self.levels.within.above, self.n)

    @property
    def layer(self) -> str:
        """Such as `pcoder 3`."""
        return f"pcoder {self.n}"

    @property
    def target(self) -> Tensor:
        """Class index of each row."""
        return self.levels.target

    @property
    def image(self) -> Tensor:
        """The image of each row."""
        return self.levels.image


def at_every_layer(function: Callable[..., Any]) -> Callable[..., Any]:
    """The form of an attribution that asks for what there is at a pcoder: itself, or what its file calls `FROM_GRADIENT`.

    Raises:
        ValueError: it asks for the head, and its file has no other form of it.
    """
    form: Callable[..., Any] = getattr(sys.modules[function.__module__], "FROM_GRADIENT", function)
    asked = parts_of(form)
    if wrong := [part for part in asked if part not in _PARTS]:
        raise ValueError(
            f"Expected an attribution at every pcoder (attribution.layer={ALL}) to ask for {', '.join(_PARTS)}, but "
            f"{function.__name__} asks for {wrong[0]!r}, of which there is one alone; its file may offer the same formula as "
            "FROM_GRADIENT."
        )
    return form


def attributed_at(scene: LevelScene, function: Callable[..., Any], settings: Mapping[str, Any]) -> Tensor:
    """The maps, (rows, height, width), that an attribution makes at one pcoder.

    Args:
        scene: the pcoder's.
        function: that is chosen.
        settings: its own.

    Raises:
        ValueError: see `at_every_layer`.
    """
    form = at_every_layer(function)
    return attributed(form, settings if form is function else {}, scene)
