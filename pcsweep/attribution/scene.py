"""What an attribution may ask for: the parts of a scene, by the names of its positional parameters."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pcsweep.attribution.at_layer import Taken, above_layer, at_layer, gradient_of, single
from pcsweep.attribution.layers import check_layer


@dataclass(frozen=True, eq=False)
class Scene:
    """What a network sees and makes of it at one timestep.

    Args:
        head: from the last representation r_N to logits.
        representation: r_N(t), a row for each image of each grid point.
        chosen: class index for each row, or what makes it of the logits, (rows, classes).
        images: the noisy, normalised images, which all grid points share.
        layer: where A is taken: `None` for r_N(t) itself, or the name of a module of the head.

    What follows from these is computed when it is first asked for, and once. A and its gradient are of single precision at least,
    under autocast as well.
    """

    head: nn.Module
    representation: Float[Tensor, "rows *shape"]
    chosen: Int[Tensor, " rows"] | Callable[[Tensor], Tensor]
    images: Float[Tensor, "batch 3 height width"]
    layer: str | None = None

    @cached_property
    def target(self) -> Int[Tensor, " rows"]:
        """Class index for each row."""
        return self.chosen if isinstance(self.chosen, Tensor) else self.chosen(self.logits)

    @cached_property
    def logits(self) -> Float[Tensor, "rows classes"]:
        """Of the pass of the head that the attribution has taken its gradient of, or where there is none of a pass for them."""
        if "taken" in vars(self):
            return self.taken.logits.detach()
        with torch.no_grad():
            logits: Tensor = self.head(self.representation)
        return logits

    @cached_property
    def image(self) -> Float[Tensor, "rows 3 height width"]:
        """The image of each row."""
        return self.images.repeat(len(self.representation) // len(self.images), 1, 1, 1)  # (points · batch, 3, height, width)

    @cached_property
    def activation(self) -> Float[Tensor, "rows channels map_height map_width"]:
        """A, at the layer.

        Raises:
            ValueError: the head has no module of that name, or what it returns is no map with channels first.
        """
        if self.layer is None:
            self._check_layer()
            return single(self.representation.detach())
        return single(self.taken.activation.detach())

    @cached_property
    def gradient(self) -> Float[Tensor, "rows channels map_height map_width"]:
        """∂y/∂A, y the logit of each row's target class.

        Raises:
            ValueError: as `activation`.
        """
        return single(self._own_gradient)

    @property
    def of_pass(self) -> tuple[Tensor, Tensor]:
        """A and its gradient in their own precision."""
        gradient = self._own_gradient
        return self.taken.activation.detach(), gradient

    @cached_property
    def _own_gradient(self) -> Tensor:
        return gradient_of(self.taken, self.target)

    @property
    def above(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The network above A: of other activations (n, channels, height, width) and, for each, the row that it is of, (n,),
        the logits (n, classes). It can be differentiated.

        Raises:
            ValueError: as `activation`.
        """
        self._check_layer()
        run = 1 if self.layer is None else self.taken.runs

        def logits(activation: Tensor, rows: Tensor) -> Tensor:
            return above_layer(self.head, self.representation[rows], self.layer, activation, run)

        return logits

    @cached_property
    def taken(self) -> Taken:
        """One pass of the head, from which A, its gradient and the logits are.

        Raises:
            ValueError: as `activation`.
        """
        self._check_layer()
        return at_layer(self.head, self.representation, self.layer)

    def _check_layer(self) -> None:
        given = self.representation
        if given.ndim != 4:
            raise ValueError(f"Expected maps of channels, height and width, but got {tuple(given.shape)}.")
        if self.layer is not None:
            check_layer(self.head, self.layer, tuple(given.shape[1:]), given.dtype, given.device)


_AT_LAYER = ("layer", "activation", "gradient", "above")  # what differs from layer to layer
_PARTS = ("head", "representation", "target", "image", *_AT_LAYER)


def parts_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parts of a scene that an attribution asks for, by name: its positional parameters without default.

    Raises:
        ValueError: it asks for something else, or for parts at the layer while it has a setting `layer` of its own.
    """
    parameters = inspect.signature(function).parameters
    asked = {
        name: each for name, each in parameters.items() if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty
    }
    if unknown := [name for name in asked if name not in _PARTS]:
        raise ValueError(
            f"Expected an attribution to ask for {', '.join(_PARTS)}, but {function.__name__} asks for {unknown[0]!r}; "
            "a setting comes after a * or has a default."
        )
    if (at_layer := [name for name in asked if name in _AT_LAYER]) and "layer" in set(parameters) - set(asked):
        raise ValueError(
            f"Expected an attribution that asks for {at_layer[0]!r} to have no setting `layer` of its own, since "
            f"`attribution.layer` says where {at_layer[0]!r} is taken, but {function.__name__} has one."
        )
    return asked


def has_layer(function: Callable[..., Any]) -> bool:
    """Whether `attribution.layer` says where an attribution's activation is taken.

    >>> has_layer(lambda activation, gradient: activation), has_layer(lambda image: image)
    (True, False)
    """
    return not set(parts_of(function)).isdisjoint(_AT_LAYER)


def of_pass_form(function: Callable[..., Any]) -> Callable[[Tensor, Tensor], Tensor] | None:
    """What an attribution's file calls `OF_PASS`, if it does: to the bit the same, from A and its gradient.

    Such an attribution's own setting `layer` is where the scene takes A.
    """
    form: Callable[[Tensor, Tensor], Tensor] | None = getattr(sys.modules[function.__module__], "OF_PASS", None)
    return form


def attributed(function: Callable[..., Any], settings: Mapping[str, Any], scene: Any) -> Tensor:
    """The attribution maps, (rows, height, width), that a function makes of those parts of a scene that it asks for.

    >>> def at_random(representation: Tensor, *, seed: int) -> Tensor: ...  # asks for one part

    Args:
        function: its positional parameters without default are parts of a scene: `head`, `representation`, `target`, `image`;
            and at the scene's layer `activation`, `gradient`, `above`, and its name, `layer`.
        settings: its other parameters.
        scene: a `Scene`, or what has those of its parts that the function asks for.

    Where its file has the same formula as `OF_PASS`, from a `Scene`'s A and its gradient in their own precision, that is taken
    instead: the pass of the head that they are from makes the logits as well.

    Raises:
        ValueError: it asks for something else.
    """
    if isinstance(scene, Scene) and (of_pass := of_pass_form(function)):
        layer = settings.get("layer", scene.layer)
        return of_pass(*(scene if scene.layer == layer else replace(scene, layer=layer)).of_pass)
    maps: Tensor = function(*(getattr(scene, name) for name in parts_of(function)), **settings)
    return maps
