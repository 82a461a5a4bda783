"""Which axes of a representation are channels, height and width: established by evidence, never read off the rank or the lengths.

Three kinds of evidence. *Kind*: a stage of nothing but layers that are defined on such maps, as convolutions are, returns one.
*Size*: for an image of twice the height, the axis of height is the one that grows. It needs no arithmetic
(PyTorch's device without memory, which takes more than a second to import; what is small is computed instead). *Influence*, for
networks that take one size alone and for maps of a fixed size: bands of the image are replaced, and the axis of height is the one
along which the centre of what answers moves from top to bottom.
"""

import math
import operator
from collections.abc import Iterable, Sequence, Set

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call
from torch.nn import functional

from pcsweep.network.convolution.closed_form import is_plain

_BANDS = 4  # in each direction
_DRAWS, _ENOUGH = 16, 1024  # of noise at most, and numbers in all outputs together with which it averages out
_MOVES = 0.1  # share of the image by which the centre of influence moves along an axis of space, at least
_CLEARER = 3  # times as far as along any other axis
_AXES = (1, 2, 3)
_SMALL = 2e10  # multiplications, about a tenth of a second
# What returns (batch, channels, height, width) if that is what it is given.
_LAYERS = (
    *(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.ZeroPad2d),
    *(nn.Identity, nn.Dropout, nn.ReLU, nn.ReLU6, nn.SiLU),
)
_FUNCTIONS = (torch.conv2d, functional.conv2d, functional.batch_norm, functional.relu, functional.relu6, torch.relu)
_SUMS = (operator.add, operator.iadd, torch.add)
_FIRST = (2, 3)  # height and width, where channels come first

Layout = tuple[int | None, int | None]  # the axes of height and width; None where nothing moves along any
Found = tuple[Sequence[int], Layout]  # the shape of an output beside it


def check_channels_first(stages: Sequence[nn.Module], names: Sequence[str], given: Tensor) -> None:
    """Unless every map that a stage returns is (batch, channels, height, width); outputs of another rank are left to the caller.

    Args:
        stages: applied one after the other, in evaluation mode.
        names: of their outputs, for messages.
        given: what the first stage is given, (1, channels, height, width); its values do not matter.

    Raises:
        ValueError: an output has its axes in another order, or the order cannot be told; names it.
    """
    if given.ndim == 4 and all(map(_is_first_by_kind, stages)):
        return
    below, noise = given, torch.Generator().manual_seed(0)
    for stage, name, sized in zip(stages, names, _by_size(stages, given), strict=True):
        with torch.no_grad():
            shape, layout = sized or _by_influence(stage, below, noise)
        if len(shape) == 4 and not _is_first(layout, shape):
            raise ValueError(_refusal(name, shape, layout))
        below = below.new_zeros(shape)


def _is_first_by_kind(stage: nn.Module) -> bool:
    """Whether all that a stage is made of returns maps with channels first for such maps."""
    if not isinstance(stage, fx.GraphModule):
        return False
    maps: set[fx.Node] = set()
    for node in stage.graph.nodes:
        if node.op == "output":
            return node.args[0] in maps
        if node.op == "placeholder" or _keeps_channels_first(stage, node, maps):
            maps.add(node)
    return False


def _keeps_channels_first(stage: fx.GraphModule, node: fx.Node, maps: Set[fx.Node]) -> bool:
    if not node.args or node.args[0] not in maps:
        return False
    if node.op == "call_module":
        return len(node.args) == 1 and any(is_plain(stage.get_submodule(str(node.target)), kind) for kind in _LAYERS)
    if node.op == "call_function" and node.target in _SUMS:
        return len(node.args) == 2 and node.args[1] in maps
    return node.op == "call_function" and node.target in _FUNCTIONS


def _is_first(layout: Layout, shape: Sequence[int]) -> bool:
    return all(axis == first or (axis is None and shape[first] == 1) for axis, first in zip(layout, _FIRST, strict=True))


def _refusal(name: str, shape: Sequence[int], layout: Layout) -> str:
    last = layout == (1, 2) or (layout == (None, None) and tuple(shape[1:3]) == (1, 1))
    told = None not in layout and len(set(layout)) == 2
    what = (
        "it puts channels last"
        if last
        else f"height is axis {layout[0]} and width axis {layout[1]}"
        if told
        else "which of its axes are height and width cannot be told (no part of it answers to one part of the image alone)"
    )
    return (
        f"Expected {name} to return channels, height and width, in that order, but it returns {tuple(shape)}, and {what}. "
        "Choose modules, or a network, with channels first, as those that are made of convolutions have."
    )


def _by_size(stages: Sequence[nn.Module], given: Tensor) -> list[Found | None]:
    """What images of twice the height and of twice the width say of each stage's output; `None` where it is not all."""
    outlines = (_outline(stages, passing) for passing in sizes(given, stages))
    return [_grown(*shapes) for shapes in zip(*outlines, strict=True)]


def sizes(given: Tensor, modules: Iterable[nn.Module]) -> list[Tensor]:
    """A map like the given one, one of twice its height and one of twice its width, of which the values do not matter.

    Where these modules make little of it, they are where it is; else on the device without memory.
    """
    batch, channels, height, width = given.shape
    wanted = ((height, width), (2 * height, width), (height, 2 * width))
    device = given.device if _is_small(given, modules) else torch.device("meta")
    return [torch.zeros(batch, channels, *size, dtype=given.dtype, device=device) for size in wanted]


def _is_small(given: Tensor, modules: Iterable[nn.Module]) -> bool:
    """Whether it takes no time to speak of: if every parameter met every pixel, of all sizes together."""
    parameters = sum(each.numel() for module in modules for each in module.parameters())
    return 5 * parameters * math.prod(given.shape[2:]) < _SMALL


def shaped(module: nn.Module, passing: Tensor) -> Tensor:
    """What a module makes of one of the `sizes`: its shape alone means something."""
    if passing.device.type != "meta":
        with torch.no_grad():
            return module(passing)  # type: ignore[no-any-return]
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    bare = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    made: Tensor = functional_call(module, bare, (passing,))
    return made


def is_first_by_size(shape: Sequence[int], tall: Sequence[int], wide: Sequence[int]) -> bool | None:
    """Whether a map's channels come first, from its shapes at three `sizes`; None where they do not say it."""
    found = _grown(shape, tall, wide)
    return None if found is None else _is_first(found[1], found[0])


def _grown(shape: Sequence[int], tall: Sequence[int], wide: Sequence[int]) -> Found | None:
    comparable = len(shape) == len(tall) == len(wide) == 4
    grown = [[axis for axis in _AXES if comparable and of[axis] != shape[axis]] for of in (tall, wide)]
    return (shape, (grown[0][0], grown[1][0])) if [len(axes) for axes in grown] == [1, 1] else None


def _outline(stages: Sequence[nn.Module], passing: Tensor) -> list[Sequence[int]]:
    """The shapes of the outputs for an image of that size; empty ones from the first stage on that does not take it."""
    shapes: list[Sequence[int]] = []
    try:
        for stage in stages:
            passing = shaped(stage, passing)
            shapes.append(passing.shape)
    except Exception:  # a stage may insist on one size in any way
        shapes += [()] * (len(stages) - len(shapes))
    return shapes


def _by_influence(stage: nn.Module, like: Tensor, generator: torch.Generator) -> Found:
    """What replaced bands of a noisy map say of a stage's output, where the map below it puts channels first."""
    shape = stage(torch.zeros_like(like)).shape
    if like.ndim != 4 or len(shape) != 4 or tuple(shape[2:]) == (1, 1):
        return shape, (None, None)
    draws = max(1, min(_DRAWS, _ENOUGH // math.prod(shape)))
    total = torch.stack([_answers(stage, like, generator) for _ in range(draws)]).sum(0)
    return shape, (_followed(total[0]), _followed(total[1]))


def _answers(stage: nn.Module, like: Tensor, generator: torch.Generator) -> Tensor:
    """How much each element of an output answers to each band: (direction, band, …)."""
    noise, other = (torch.randn(like.shape, generator=generator).to(like) for _ in range(2))
    before, answers = stage(noise).clone(), []
    for direction in _FIRST:
        for band in torch.arange(like.shape[direction], device=like.device).tensor_split(_BANDS):
            changed = noise.index_copy(direction, band, other.index_select(direction, band))
            answers.append((stage(changed) - before).abs()[0].double())
    return torch.stack(answers).reshape(len(_FIRST), -1, *before.shape[1:])


def _followed(answers: Tensor) -> int | None:
    """The axis along which the centre of influence moves; `None` where there is none, or more than one.

    Args:
        answers: (band, …), how much each element of an output answers to each band, from the first to the last.
    """
    moved = {axis: _moved(answers.mean([each for each in _AXES if each != axis])) for axis in _AXES}
    axis, most = max(moved.items(), key=lambda each: each[1])
    others = max(abs(value) for each, value in moved.items() if each != axis)
    return axis if most >= max(_MOVES, _CLEARER * others) else None


def _moved(answers: Tensor) -> float:
    """By how much of the image the centre of influence moves along an axis, by least squares; (band, place)."""
    alive = answers.sum(0) > 0
    if not answers.isfinite().all() or alive.sum() < 2:
        return 0.0
    answers, places = answers[:, alive], torch.arange(answers.shape[1], device=answers.device)[alive].double()
    positions = (torch.arange(len(answers), device=answers.device) + 0.5) / len(answers)
    centres = (positions[:, None] * answers).sum(0) / answers.sum(0)
    centred = places - places.mean()
    slope = (centred * centres).sum() / centred.square().sum()
    return float(slope * (places[-1] - places[0]))
