"""Predictors that have no weights yet: predify's default ones, the shapes that they map between, and how far they reach."""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pcsweep.network.backbone import cut
from pcsweep.network.convolution.closed_form import transposed_convolution
from pcsweep.network.convolution.geometry import of_transposed
from pcsweep.network.engine.shapes import Outline
from pcsweep.network.layout import check_channels_first

Shape = tuple[int, int, int]  # channels, height, width
Predictors = Callable[[Sequence[Shape]], Sequence[nn.Module]]  # from the shapes of r_0..r_N to P_1..P_N

_SMALL_MAP = 16  # cells, height and width of the first map on which the reach is counted


def shapes_at(backbone: nn.Module, modules: Sequence[str], size: int) -> list[Shape]:
    """The shapes of r_0..r_N for square images of `size` pixels.

    Raises:
        ValueError: the backbone cannot be cut there, or a representation is no map of channels, height and width, in that order.
    """
    *stages, _ = cut(backbone, modules)
    image = representation = torch.zeros(1, 3, size, size)
    shapes = [(3, size, size)]
    for stage, module in zip(stages, modules, strict=True):
        with torch.no_grad():
            representation = Outline(stage).run(representation)
        if representation.ndim != 4:
            raise ValueError(
                f"Expected {module!r} to return channels, height and width, but got {representation.ndim - 1} dimensions: "
                f"{type(backbone).__name__} returns {_described(representation)} there. Choose modules that return maps."
            )
        shapes.append((representation.shape[1], representation.shape[2], representation.shape[3]))
    check_channels_first(stages, [f"{module!r} of {type(backbone).__name__}" for module in modules], image)
    return shapes


def _described(representation: Tensor) -> str:
    kinds = {2: " (one number per feature)", 3: " (tokens)"}
    return f"{tuple(representation.shape)}{kinds.get(representation.ndim, '')}"


def default_predictors(shapes: Sequence[Shape]) -> list[nn.Module]:
    """predify's default P_1..P_N for representations r_0..r_N of these shapes, at random."""
    return [default_predictor(above, below) for below, above in zip(shapes, shapes[1:], strict=False)]


def default_predictor(above: Shape, below: Shape) -> nn.Module:
    """predify's default predictor from r_n of shape `above` to r_{n-1} of shape `below`."""
    convolution = nn.ConvTranspose2d(above[0], below[0], 3, padding=1)
    if above[1:] == below[1:]:
        return nn.Sequential(convolution)
    if below[1] % above[1] == 0 and below[2] % above[2] == 0:
        upsample = nn.Upsample(scale_factor=(below[1] / above[1], below[2] / above[2]), mode="bilinear")
    else:
        upsample = nn.Upsample(size=below[1:], mode="bilinear")
    return nn.Sequential(upsample, convolution)


def reach(predictor: nn.Module, shape: Shape) -> int:
    """C_n: how many elements of a prediction one cell of a representation of that shape can change.

    Counted with every weight at one, at the cell in the middle. *Where we differ from predify:* it counts what changes under its
    weights at the first image's ReLUs, which makes C_n, and with it every result, depend on that image.
    """
    known = transposed_convolution(predictor)
    if known is not None and of_transposed(known[0], shape[1:]) is not None:
        return _on_larger_maps(partial(_reached_by_taps, known[0]), shape)
    probe = copy.deepcopy(predictor).eval()
    with torch.no_grad():
        for name, tensor in [*probe.named_parameters(), *probe.named_buffers()]:
            tensor.fill_(1 if name.rpartition(".")[2] in ("weight", "running_var") else 0)
    if any(isinstance(module, nn.Upsample) and module.size is not None for module in probe.modules()):
        return _reached(probe, shape)
    return _on_larger_maps(partial(_reached, probe), shape)


def _on_larger_maps(reached: Callable[[Shape], int], shape: Shape) -> int:
    """What is reached on larger and larger maps, until the border hides nothing of it."""
    size, count = _SMALL_MAP, 0
    while True:
        before, count = count, reached((shape[0], min(shape[1], size), min(shape[2], size)))
        if count == before or size >= max(shape[1:]):
            return count
        size *= 2


def _reached_by_taps(layer: nn.ConvTranspose2d, shape: Shape) -> int:
    """How many outputs have a tap on the cell in the middle."""
    geometry = of_transposed(layer, shape[1:])
    assert geometry is not None  # as it was for a map of another size
    count = layer.out_channels
    for axis in (geometry.height, geometry.width):
        first = axis.stride * (axis.size // 2) - axis.padding
        count *= max(0, min(first + axis.kernel, axis.output) - max(first, 0))
    return count


@torch.no_grad()
def _reached(probe: nn.Module, shape: Shape) -> int:
    """How many outputs change with the cell in the middle of a map of zeros."""
    maps = torch.zeros(1, *shape)
    before = probe(maps)
    maps[0, shape[0] // 2, shape[1] // 2, shape[2] // 2] = 1
    return int((probe(maps) != before).sum())
