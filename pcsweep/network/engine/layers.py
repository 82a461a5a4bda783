"""The layers of a network that `pcsweep.network.convolution` covers, and how each is to be computed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pcsweep.network.convolution import geometry
from pcsweep.network.convolution.choice import BUDGET, Layer, Option, chosen
from pcsweep.network.convolution.closed_form import is_plain, transposed_convolution
from pcsweep.network.convolution.native.library import usable
from pcsweep.network.engine.shapes import Shapes


@dataclass(frozen=True, eq=False)
class Convolution:
    """A covered layer: a predictor, which is a transposed convolution, or a convolution in a stage, which is one's adjoint.

    Args:
        pcoder: from 0.
        name: of the layer in the stage; `None` for the predictor.
        layer: what the choice depends on.
        kernel: of the transposed convolution.
        option: that was chosen.
    """

    pcoder: int
    name: str | None
    layer: Layer
    kernel: Tensor
    option: Option


_Covered = tuple[int, str | None, Layer, Tensor]  # a `Convolution` without its option


def convolutions(
    stages: Sequence[nn.Module], predictors: Sequence[nn.Module], shapes: Shapes, budget: int = BUDGET
) -> list[Convolution]:
    """All covered layers of a network, predictors first, with the options that together cost least within the budget."""
    covered = [*_of_predictors(predictors, shapes), *_of_stages(stages, shapes)]
    options = chosen([layer for _, _, layer, _ in covered], budget)
    return [Convolution(*each, option) for each, option in zip(covered, options, strict=True)]


def _of_predictors(predictors: Sequence[nn.Module], shapes: Shapes) -> Iterator[_Covered]:
    """The predictors that are a transposed convolution, with or without a ReLU, from maps to the shape of the maps below."""
    for n, predictor in enumerate(predictors):
        below, representation = shapes.representations[n : n + 2]
        known = transposed_convolution(predictor)
        if known is None or len(representation) != 3:
            continue
        module = known[0]
        axes = geometry.of_transposed(module, representation[1:])
        if axes is not None and (module.out_channels, *axes.output) == tuple(below):
            layer = Layer(axes, (module.in_channels, module.out_channels), native=is_native(module.weight))
            yield n, None, layer, module.weight.detach()


def _of_stages(stages: Sequence[nn.Module], shapes: Shapes) -> Iterator[_Covered]:
    """The plain convolutions of stride 1. Those of the lowest stage run at t = 0 alone: no direction counts as used."""
    for n, (stage, inputs) in enumerate(zip(stages, shapes.inputs, strict=True)):
        for name, shape in inputs.items():
            module = stage.get_submodule(name)
            if not isinstance(module, nn.Conv2d) or not is_plain(module, nn.Conv2d) or len(shape) != 3:
                continue
            if axes := geometry.of_convolution(module, shape[1:]):
                channels = module.out_channels, module.in_channels
                layer = Layer(axes, channels, directions=(True,) if n else (), native=is_native(module.weight))
                yield n, name, layer, module.weight.detach()


def is_native(values: Tensor) -> bool:
    """Whether machine code, which is of fp32 on a CPU, can be made; autocast has convolutions computed in another type."""
    return values.device.type == "cpu" and values.dtype == torch.float32 and not torch.is_autocast_enabled("cpu") and usable()
