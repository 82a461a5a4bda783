"""From a network to an engine for images of one size: which algorithm computes each layer, how many rows share a call."""

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, fx, nn

from pcsweep.network.convolution.choice import BUDGET, Algorithm, algorithm, fastest, timed
from pcsweep.network.convolution.closed_form import ClosedForm, Differentiated, Predictor, is_plain, transposed_convolution
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.native.pooling import NativePool
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.arrays import ROWS
from pcsweep.network.engine.compiled import CompiledNetwork
from pcsweep.network.engine.folding import folded
from pcsweep.network.engine.graphs import replays_on
from pcsweep.network.engine.layers import Convolution, convolutions, is_native
from pcsweep.network.engine.run import Engine
from pcsweep.network.engine.shapes import shapes_of

# Bytes of a map per call.
_RECYCLED = 32 * 2**20  # up to here the C library hands out memory that was freed, instead of asking the system for fresh pages
_IN_PLACE = 112 * 2**20  # where results lie in memory that is written again and again
_ON_DEVICE = 2**30  # on a GPU, whose allocator keeps what was freed

_VECTORS = 64  # floats: of so many, all are computed alike, whatever the processor
# Of stages, beside convolutions by machine code: what treats every element, or every window, by itself.
_BY_ROW = (nn.Dropout, nn.Identity, nn.MaxPool2d, nn.ReLU)


@runtime_checkable
class Compilable(Protocol):
    """What is needed of a network: f_n, P_n, √C_n and where r_n is."""

    stages: nn.ModuleList
    predictors: nn.ModuleList
    sqrt_cs: tuple[float | None, ...]
    modules_cut: tuple[str, ...]


def compiled(network: Compilable, image: Tensor, budget: int = BUDGET) -> Engine:
    """An engine for images like `image` (1, …).

    Args:
        network: on the image's device.
        image: of the right shape and dtype; anything may be on it.
        budget: bytes of transformed kernels; zero where products are less precise than a transform needs.
    """
    stages, workspace = [_folded(stage) for stage in network.stages], Workspace()
    shapes = shapes_of(stages, image)
    pairs = [shapes.representations[n : n + 2] for n in range(len(stages))]  # r_{n-1} and r_n
    covered = convolutions(stages, list(network.predictors), shapes, budget)
    in_closed_form = {each.pcoder: each for each in covered if each.name is None}
    predictors: list[Predictor] = [
        _closed_form(predictor, in_closed_form[n], workspace, budget)
        if n in in_closed_form
        else Differentiated(predictor, pairs[n][0], network.modules_cut[n])
        for n, predictor in enumerate(network.predictors)
    ]
    in_stages = [[each for each in covered if each.pcoder == n and each.name is not None] for n in range(len(stages))]
    made = [
        _pooled(_stage(stage, each, workspace), n, inputs, image, workspace)
        for n, (stage, each, inputs) in enumerate(zip(stages, in_stages, shapes.inputs, strict=True))
    ]
    stage_rows = [
        _rows_within(_most_bytes(image, in_place=_in_place(layers)), [torch.Size([largest])], image)
        for largest, layers in zip(shapes.largest, in_stages, strict=True)
    ]
    predictor_rows = [
        _rows_within(_most_bytes(image, in_place=_is_in_place(predictor)), pair, image)
        for predictor, pair in zip(predictors, pairs, strict=True)
    ]
    return Engine(
        CompiledNetwork(
            stages=made,
            stage_rows=stage_rows,
            stage_together=[
                _together(_is_by_row(stage), rows, pair[1]) for stage, rows, pair in zip(made, stage_rows, pairs, strict=True)
            ],
            predictors=predictors,
            predictor_rows=predictor_rows,
            predictor_together=[
                _together(
                    isinstance(each, ClosedForm) and isinstance(each.algorithm, NativeSpectral | NativeNarrow), rows, pair[1]
                )
                for each, rows, pair in zip(predictors, predictor_rows, pairs, strict=True)
            ],
            scales=[_scale(pair[0], sqrt_c) for pair, sqrt_c in zip(pairs, network.sqrt_cs, strict=True)],
            workspace=workspace,
        ),
        replays_on(image.device),
    )


def _together(by_row: bool, rows: int, shape: torch.Size) -> int:
    """Of how many rows all are computed or none, where so many share a call: libraries may choose by how many there are."""
    if prod(shape) % _VECTORS:  # and ends of rows, where states are summed up
        return ROWS
    return 1 if by_row else min(ROWS, rows)


def _is_by_row(stage: nn.Module) -> bool:
    """Whether it computes each row by itself, as if it were alone."""
    assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
    calls = [node for node in stage.graph.nodes if node.op not in ("placeholder", "output")]
    return all(node.op == "call_module" and _is_module_by_row(stage.get_submodule(str(node.target))) for node in calls)


def _is_module_by_row(module: nn.Module) -> bool:
    if isinstance(module, _AsAdjoint):
        return isinstance(module.way, NativeSpectral | NativeNarrow)
    return isinstance(module, NativePool) or any(is_plain(module, kind) for kind in _BY_ROW)


def _folded(stage: nn.Module) -> fx.GraphModule:
    assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
    return folded(stage)


def _closed_form(predictor: nn.Module, convolution: Convolution, workspace: Workspace, budget: int) -> ClosedForm:
    """A predictor that is a transposed convolution, computed as was chosen, or on a GPU as is measured to be fastest."""
    known = transposed_convolution(predictor)
    assert known is not None  # as `convolutions` found it
    layer, rectified = known
    kernel = _rounded(convolution.kernel)
    way: Algorithm
    if kernel.is_cuda:
        way = fastest(kernel, convolution.layer, workspace, budget, timed)
    else:
        # The lowest one runs while the result of the one above it is in use.
        place = "predictor" if convolution.pcoder else "lowest predictor"
        way = algorithm(kernel, convolution.layer, convolution.option, workspace, place)
    return ClosedForm(way, None if layer.bias is None else _rounded(layer.bias.detach()), rectified, workspace)


def _stage(stage: nn.Module, layers: Sequence[Convolution], workspace: Workspace) -> fx.GraphModule:
    """The stage with its covered layers computed as was chosen; the original keeps its own."""
    assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
    made, is_chain = copy.copy(stage), _is_chain(stage)
    for number, each in enumerate(layers):
        assert each.name is not None
        # In a chain, no result is needed any more when the layer after the next one is computed.
        place = f"stage {number % 2}" if is_chain else f"stage {each.pcoder} {each.name}"
        relu = _only_relu_after(stage, each.name) if each.option.native else None
        made.set_submodule(each.name, _layer(stage.get_submodule(each.name), each, workspace, place, relu is not None))
        if relu is not None:
            made.set_submodule(relu, nn.Identity())
    return made


def _pooled(
    stage: fx.GraphModule, number: int, inputs: Mapping[str, torch.Size], image: Tensor, workspace: Workspace
) -> fx.GraphModule:
    """The stage, with its maximum pooling in machine code where that can be made.

    Args:
        stage: a copy of the network's own.
        number: of the stage.
        inputs: shapes that its modules are given.
        image: as the network is given.
        workspace: for the results.
    """
    for name, shape in inputs.items() if is_native(image) else ():
        module = stage.get_submodule(name)
        if isinstance(module, nn.MaxPool2d) and is_plain(module, nn.MaxPool2d) and NativePool.suits(module, shape):
            stage.set_submodule(name, NativePool(module, workspace, f"stage {number} {name}"))
    return stage


def _is_chain(stage: fx.GraphModule) -> bool:
    """Whether every operation has at most one input and one user."""
    return all(len(node.all_input_nodes) <= 1 and len(node.users) <= 1 for node in stage.graph.nodes)


def _only_relu_after(stage: fx.GraphModule, name: str) -> str | None:
    """The name of the ReLU that alone uses the result of a module, and is used nowhere else."""
    calls = [node for node in stage.graph.nodes if node.op == "call_module"]
    users = [user for node in calls if node.target == name for user in node.users]
    if len(users) != 1 or users[0].op != "call_module":
        return None
    relu = str(users[0].target)
    once = sum(node.target == relu for node in calls) == 1
    return relu if once and is_plain(stage.get_submodule(relu), nn.ReLU) else None


def _layer(module: nn.Module, convolution: Convolution, workspace: Workspace, place: str, rectified: bool) -> nn.Module:
    """A stage's convolution: by a transform, with its result in that place, or with its kernel channels last in memory."""
    assert isinstance(module, nn.Conv2d)  # as `convolutions` found it
    kernel, option = convolution.kernel, convolution.option
    if option.tile is not None and not kernel.is_cuda:  # whose library has fast ones of its own
        bias = None if module.bias is None else module.bias.detach()
        way = algorithm(kernel, convolution.layer, option, workspace, place)
        return _AsAdjoint(way, bias, rectified)
    made = copy.copy(module)
    own = {"weight": kernel.contiguous(memory_format=torch.channels_last), "bias": module.bias}
    rounded = {name: nn.Parameter(_rounded(each.detach()), requires_grad=False) for name, each in own.items() if each is not None}
    made._parameters = {**module._parameters, **rounded}
    return made


def _rounded(weights: Tensor) -> Tensor:
    """In the precision in which autocast has convolutions computed, once instead of in every call."""
    device = weights.device.type
    return weights.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else weights


class _AsAdjoint(nn.Module):
    """A convolution computed as the adjoint of a transposed one, perhaps with the ReLU that follows."""

    def __init__(self, way: Algorithm, bias: Tensor | None, rectified: bool) -> None:
        super().__init__()
        self.way, self.bias = way, bias
        self._adjoint = partial(way.adjoint, rectified=True) if isinstance(way, NativeSpectral) and rectified else way.adjoint

    def forward(self, maps: Tensor) -> Tensor:
        return self._adjoint(maps, self.bias)


def _is_in_place(predictor: Predictor) -> bool:
    """Whether its results lie in memory that is written again and again."""
    return isinstance(predictor, ClosedForm) and isinstance(predictor.algorithm, Spectral | NativeSpectral | NativeNarrow)


def _is_machine_code(predictor: Predictor) -> bool:
    """Whether it computes each row by itself, as if it were alone."""
    return isinstance(predictor, ClosedForm) and isinstance(predictor.algorithm, NativeSpectral | NativeNarrow)


def _in_place(layers: Sequence[Convolution]) -> bool:
    """Whether the results of all convolutions of a stage lie in memory that is written again and again."""
    return bool(layers) and all(each.option.native for each in layers)


def _most_bytes(image: Tensor, in_place: bool = False) -> int:
    """Of a map per call, on the image's device."""
    if image.is_cuda:
        return _ON_DEVICE
    return _IN_PLACE if in_place else _RECYCLED


def _rows_within(most: int, shapes: Sequence[torch.Size], like: Tensor) -> int:
    """How many rows of the largest of the shapes fit into `most` bytes: a power of two, at least one."""
    fit = max(1, most // (max(map(prod, shapes)) * like.element_size()))
    return 1 << (fit.bit_length() - 1)


def _scale(below: torch.Size, sqrt_c: float | None) -> float:
    """s_n · 2/K_n, with s_n = 1 or K_n/√C_n."""
    return 2 / (prod(below) if sqrt_c is None else sqrt_c)
