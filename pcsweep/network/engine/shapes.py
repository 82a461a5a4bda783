"""What one image makes of a network's stages: the shapes of representations and of the inputs of their layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn


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


class _Observer(fx.Interpreter):
    """Runs a stage and notes shapes."""

    def __init__(self, stage: nn.Module) -> None:
        assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
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
