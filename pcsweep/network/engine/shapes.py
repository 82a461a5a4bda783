"""What one image makes of a network's stages: the shapes of representations and of the inputs of their layers.

Products take nearly all the time of a pass, and no shape depends on them: they are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from pcsweep.network.convolution.closed_form import is_plain


@dataclass(frozen=True, eq=False)
class Shapes:
    """Of one image; no shape has the batch in it.

    Args:
        representations: r_0..r_N.
        inputs: for every stage, the shape that each of its modules is given, by name; without modules that run more than once.
        largest: for every stage, the elements of its largest intermediate.
    """

    representations: list[torch.Size]
    inputs: list[dict[str, torch.Size]]
    largest: list[int]


def shapes_of(stages: Sequence[nn.Module], image: Tensor) -> Shapes:
    """Measured on one image (1, …)."""
    shapes = Shapes([image.shape[1:]], [], [])
    representation = image
    for stage in stages:
        observer = _Observer(stage)
        representation = observer.run(representation)
        shapes.representations.append(representation.shape[1:])
        shapes.inputs.append(observer.inputs)
        shapes.largest.append(max([*observer.sizes, representation.numel()]))
    return shapes


class Outline(fx.Interpreter):
    """Runs a stage, or a head, for the shape of what it returns: plain convolutions and linear layers without their products."""

    def __init__(self, stage: nn.Module) -> None:
        assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
        super().__init__(stage)

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        module = self.fetch_attr(target)
        if len(args) != 1 or kwargs or not isinstance(args[0], Tensor):
            return super().call_module(target, args, kwargs)
        if isinstance(module, nn.Conv2d) and is_plain(module, nn.Conv2d) and args[0].ndim == 4 and module.groups == 1:
            return _convolved(module, args[0])
        if isinstance(module, nn.Linear) and is_plain(module, nn.Linear):
            return _multiplied(module, args[0])
        return super().call_module(target, args, kwargs)


def _convolved(module: nn.Conv2d, maps: Tensor) -> Tensor:
    """Of the right shape and type, from one channel of input and output."""
    if maps.shape[1] != module.in_channels or module.padding_mode != "zeros":
        made: Tensor = module(maps)  # which refuses it, or pads first
        return made
    kernel = module.weight[:1, :1]
    one = functional.conv2d(maps[:, :1], kernel, None, module.stride, module.padding, module.dilation)
    return one.new_zeros(len(maps), module.out_channels, *one.shape[2:])


def _multiplied(module: nn.Linear, given: Tensor) -> Tensor:
    """Of the right shape and type, from one input and output."""
    if given.shape[-1] != module.in_features:
        made: Tensor = module(given)  # which refuses it
        return made
    one = functional.linear(given[..., :1], module.weight[:1, :1])
    return one.new_zeros(*given.shape[:-1], module.out_features)


class _Observer(Outline):
    """Runs a stage and notes shapes."""

    def __init__(self, stage: nn.Module) -> None:
        super().__init__(stage)
        self.inputs: dict[str, torch.Size] = {}
        self.sizes: list[int] = []
        self._repeated: set[str] = set()

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target in self.inputs or target in self._repeated:
            self._repeated.add(target)
            self.inputs.pop(target, None)
        elif len(args) == 1 and isinstance(args[0], Tensor):
            self.inputs[target] = args[0].shape[1:]
        output = super().call_module(target, args, kwargs)
        if isinstance(output, Tensor):
            self.sizes.append(output.numel())
        return output
