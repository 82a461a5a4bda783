"""What an attribution may ask for: the parts of a scene, by the names of its positional parameters."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Scene:
    """What a network sees and makes of it at one timestep.

    Args:
        head: from the last representation r_N to logits.
        representation: r_N(t), a row for each image of each grid point.
        target: class index for each row.
        images: the noisy, normalised images, which all grid points share.
    """

    head: nn.Module
    representation: Float[Tensor, "rows *shape"]
    target: Int[Tensor, " rows"]
    images: Float[Tensor, "batch 3 height width"]

    @cached_property
    def image(self) -> Float[Tensor, "rows 3 height width"]:
        """The image of each row."""
        return self.images.repeat(len(self.representation) // len(self.images), 1, 1, 1)  # (points · batch, 3, height, width)


_PARTS = (*(field.name for field in fields(Scene) if field.name != "images"), "image")


def attributed(function: Callable[..., Any], settings: Mapping[str, Any], scene: Scene) -> Tensor:
    """The attribution maps, (rows, height, width), that a function makes of those parts of a scene that it asks for.

    >>> def at_random(representation: Tensor, *, seed: int) -> Tensor: ...  # asks for one part

    Args:
        function: its positional parameters without default are parts of a scene: `head`, `representation`, `target`, `image`.
        settings: its other parameters.
        scene: all parts.

    Raises:
        ValueError: it asks for something else.
    """
    parameters = inspect.signature(function).parameters.values()
    asked = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty]
    if unknown := [name for name in asked if name not in _PARTS]:
        raise ValueError(
            f"Expected an attribution to ask for {', '.join(_PARTS)}, but {function.__name__} asks for {unknown[0]!r}; "
            "a setting comes after a * or has a default."
        )
    maps: Tensor = function(*(getattr(scene, name) for name in asked), **settings)
    return maps
