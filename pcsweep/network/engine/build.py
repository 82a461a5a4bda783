"""From a network to an engine for images of one size: which algorithm computes each layer, how many rows share a call."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, fx, nn

from pcsweep.network.convolution import geometry
from pcsweep.network.convolution.choice import BUDGET, Algorithm, Layer, Option, algorithm, chosen, fastest, timed
from pcsweep.network.convolution.closed_form import ClosedForm, Differentiated, Predictor, is_plain, transposed_convolution
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.workspace import Workspace
from pcsweep.network.engine.run import Engine

# Bytes up to which the C library hands out memory that was freed, instead of asking the system for fresh pages each time.
_REUSED = 32 * 2**20
_ON_DEVICE = 2**30  # bytes of a map per call on a GPU, whose allocator keeps what was freed
_CHUNK = 112 * 2**20  # bytes of a map per call, where results lie in memory that is written again and again


@dataclass(frozen=True, eq=False)
class Convolution:
    """A layer that is or could be computed by `pcsweep.network.convolution`.

    Args:
        pcoder: from 0.
        name: of a layer of the stage; `None` for the predictor.
        layer: what the choice depends on.
        kernel: as of a transposed convolution, whose adjoint a layer of a stage is.
        option: that was chosen.
    """

    pcoder: int
    name: str | None
    layer: Layer
    kernel: Tensor
    option: Option


@dataclass(frozen=True, eq=False)
class Shapes:
    """What one image makes of a network.

    Args:
        representations: r_0..r_N, without the batch.
        given: for every stage, the shape that each of its modules is given.
        largest: for every stage, the elements of its largest intermediate.
    """

    representations: list[torch.Size]
    given: list[dict[str, torch.Size]]
    largest: list[int]


def shapes_of(stages: Sequence[nn.Module], image: Tensor) -> Shapes:
    """Measured on one image (1, …)."""
    found = Shapes([image.shape[1:]], [], [])
    value = image
    for stage in stages:
        interpreter = _Observer(stage)
        value = interpreter.run(value)
        found.representations.append(value.shape[1:])
        found.given.append(interpreter.given)
        found.largest.append(max([*interpreter.sizes, value.numel()]))
    return found


class _Observer(fx.Interpreter):
    """Runs a stage and notes shapes."""

    def __init__(self, stage: nn.Module) -> None:
        assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
        super().__init__(stage)
        self.given: dict[str, torch.Size] = {}
        self.sizes: list[int] = []
        self._repeated: set[str] = set()

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        if target in self.given or target in self._repeated:
            self._repeated.add(target)
            self.given.pop(target, None)
        elif len(args) == 1 and isinstance(args[0], Tensor):
            self.given[target] = args[0].shape[1:]
        made = super().call_module(target, args, kwargs)
        if isinstance(made, Tensor):
            self.sizes.append(made.numel())
        return made


def convolutions(
    stages: Sequence[nn.Module], predictors: Sequence[nn.Module], shapes: Shapes, budget: int = BUDGET
) -> list[Convolution]:
    """The layers that `pcsweep.network.convolution` covers, each with its choice."""
    found: list[tuple[int, str | None, Layer, Tensor]] = []
    for n, predictor in enumerate(predictors):
        known = transposed_convolution(predictor)
        if known is None or len(shapes.representations[n + 1]) != 3:
            continue
        layer = known[0]
        falls = geometry.of_transposed(layer, shapes.representations[n + 1][1:])
        if falls is not None and (layer.out_channels, *falls.output) == tuple(shapes.representations[n]):
            found.append((n, None, Layer(falls, (layer.in_channels, layer.out_channels)), layer.weight.detach()))
    for n, (stage, given) in enumerate(zip(stages, shapes.given, strict=True)):
        for name, shape in given.items():
            module = stage.get_submodule(name)
            if not isinstance(module, nn.Conv2d) or not is_plain(module, nn.Conv2d) or len(shape) != 3:
                continue
            if falls := geometry.of_convolution(module, shape[1:]):
                layer_of = Layer(falls, (module.out_channels, module.in_channels), directions=(True,) if n else ())
                found.append((n, name, layer_of, module.weight.detach()))
    taken = chosen([layer for _, _, layer, _ in found], budget)
    return [Convolution(*each, option) for each, option in zip(found, taken, strict=True)]


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
    stages, predictors = list(network.stages), list(network.predictors)
    shapes = shapes_of(stages, image)
    pairs = [shapes.representations[n : n + 2] for n in range(len(stages))]
    workspace = Workspace()
    made: list[Predictor] = [
        Differentiated(predictor, pair[0], name)
        for predictor, pair, name in zip(predictors, pairs, network.modules_cut, strict=True)
    ]
    most = _ON_DEVICE if image.is_cuda else _REUSED
    rows = [_rows(most, pair, image) for pair in pairs]
    replaced: list[dict[str, nn.Module]] = [{} for _ in stages]
    for each in convolutions(stages, predictors, shapes, budget):
        n = each.pcoder
        if each.name is not None:
            # In a chain, no result is needed any more when the layer after the next one is computed.
            place = f"stage {len(replaced[n]) % 2}" if _is_chain(stages[n]) else f"stage {n} {each.name}"
            replaced[n][each.name] = _layer(stages[n].get_submodule(each.name), each, workspace, place)
            continue
        if image.is_cuda:
            way = fastest(each.kernel, each.layer, workspace, budget, timed)
        else:
            place = "predictor" if n else "lowest predictor"  # which is used while the result of the one above it is
            way = algorithm(each.kernel, each.layer.geometry, each.option.tile, workspace, place)
        made[n] = _closed(predictors[n], way, workspace)
        if isinstance(way, Spectral):
            rows[n] = _rows(_ON_DEVICE if image.is_cuda else _CHUNK, pairs[n], image)
    return Engine(
        stages=[_with(stage, modules) for stage, modules in zip(stages, replaced, strict=True)],
        stage_rows=[_rows(most, [torch.Size([largest])], image) for largest in shapes.largest],
        predictors=made,
        predictor_rows=rows,
        scales=[  # s_n · 2/K_n, with s_n = 1 or K_n/√C_n
            2 / (prod(pair[0]) if sqrt_c is None else sqrt_c) for pair, sqrt_c in zip(pairs, network.sqrt_cs, strict=True)
        ],
        workspace=workspace,
    )


def _rows(most: int, shapes: Sequence[torch.Size], like: Tensor) -> int:
    """The largest power of two of rows of the largest shape in `most` bytes, at least one."""
    fit = max(1, most // (max(map(prod, shapes)) * like.element_size()))
    return 1 << (fit.bit_length() - 1)


def _closed(predictor: nn.Module, way: Algorithm, workspace: Workspace) -> ClosedForm:
    known = transposed_convolution(predictor)
    assert known is not None  # it was when it was chosen for
    layer, rectified = known
    return ClosedForm(way, None if layer.bias is None else layer.bias.detach(), rectified, workspace)


class _AsAdjoint(nn.Module):
    """A convolution computed as the adjoint of a transposed one."""

    def __init__(self, way: Spectral, bias: Tensor | None) -> None:
        super().__init__()
        self.way, self.bias = way, bias

    def forward(self, maps: Tensor) -> Tensor:
        return self.way.adjoint(maps, self.bias)


def _is_chain(stage: nn.Module) -> bool:
    """Whether every operation has one input, one user, and nothing else."""
    assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
    return all(len(node.all_input_nodes) <= 1 and len(node.users) <= 1 for node in stage.graph.nodes)


def _layer(module: nn.Module, convolution: Convolution, workspace: Workspace, place: str) -> nn.Module:
    """The layer as it was chosen to be computed: transformed, with results in that place, or with its kernel channels last."""
    assert isinstance(module, nn.Conv2d)  # as `convolutions` found it
    bias = None if module.bias is None else module.bias.detach()
    if convolution.option.tile is not None and not convolution.kernel.is_cuda:  # whose library has fast ones of its own
        return _AsAdjoint(
            Spectral(convolution.kernel, convolution.layer.geometry, convolution.option.tile, workspace, place), bias
        )
    made = copy.copy(module)
    weight = convolution.kernel.contiguous(memory_format=torch.channels_last)
    made._parameters = {**module._parameters, "weight": nn.Parameter(weight, requires_grad=False)}
    return made


def _with(stage: nn.Module, modules: dict[str, nn.Module]) -> nn.Module:
    """The stage with some of its modules replaced; the original keeps its own."""
    assert isinstance(stage, fx.GraphModule)  # as `cut` makes them
    made = copy.copy(stage)
    for name, module in modules.items():
        made.set_submodule(name, module)
    return made
