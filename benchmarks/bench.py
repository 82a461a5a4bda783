"""A network, images, and two ways to compute them: the engine, and what it replaces (reference.py)."""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from reference import PREDIFY_INSTALLED, Parts, Predify, Reference, parts_of, trajectory
from rich.console import Console
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pcsweep.attribution import grad_cam
from pcsweep.attribution.scene import Scene, attributed
from pcsweep.machine.device import computing_in, device_of
from pcsweep.model.build.pretrained import torchvision_backbone
from pcsweep.model.pminivgg import MiniVGG, pminivgg
from pcsweep.model.pvgg16 import pvgg16
from pcsweep.network import Coefficients, PredictiveNetwork
from pcsweep.network.convolution.choice import BUDGET
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.engine.layers import convolutions
from pcsweep.network.engine.shapes import shapes_of
from pcsweep.pcoder.predictive_coding import Rule

ALPHA = 0.01
SIZES = {"pvgg16": 224, "pminivgg": 64}
TOLERANCES = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 1e-1}  # of logits, relative
CEILING = 4096  # rows and columns of the product that tells what the machine can do

Point = Sequence[Rule]
Outputs = dict[tuple[int, int], tuple[Tensor, Tensor]]  # logits and Grad-CAM by number of the point and t

console = Console(width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True, eq=False)
class Bench:
    """A network, images, and how they are computed.

    Args:
        network: the engine's.
        sides: what it is compared with, by name.
        images: normalised.
        targets: of Grad-CAM.
        options: of the command line.
    """

    network: PredictiveNetwork
    sides: dict[str, Reference | Predify]
    images: Tensor
    targets: Tensor
    options: argparse.Namespace

    def points(self, pairs: Sequence[tuple[float, float]], active: Sequence[int] | None = None) -> list[Point]:
        """Grid points with β and λ of the active pcoders, or of all."""
        count = len(self.network.stages)
        numbers = range(1, count + 1) if active is None else active
        return [Coefficients(beta, lambda_, ALPHA).restricted_to(numbers, count).per_pcoder(count) for beta, lambda_ in pairs]


def bench(model: str, options: argparse.Namespace, sides: Sequence[str]) -> Bench:
    """A bench of that model with some of the sides `reference` and `predify`."""
    device = device_of(options.device)
    network, parts = network_of(model)
    network.on(device)
    parts.backbone.to(device)
    rules = [(1.0, 0.0, 0.0)] * len(network.stages)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(options.images, 3, SIZES[model], SIZES[model], generator=generator)
    targets = torch.randint(0, 10, (options.images,), generator=generator)
    makers = {"reference": Reference, "predify": Predify}
    return Bench(network, {side: makers[side](parts, rules) for side in sides}, images.to(device), targets.to(device), options)


def network_of(model: str) -> tuple[PredictiveNetwork, Parts]:
    network = pvgg16(weights="random").network if model == "pvgg16" else pminivgg().network
    return network, parts_of(network, torchvision_backbone("vgg16", "random") if model == "pvgg16" else MiniVGG())


def sides() -> list[str]:
    """What the engine is compared with here."""
    return ["reference", *(["predify"] if PREDIFY_INSTALLED else [])]


def ours(on: Bench, points: Sequence[Point], timesteps: int) -> Outputs:
    """All points at t = 0..timesteps by the engine."""
    found: Outputs = {}
    network, images = on.network, len(on.images)
    with torch.no_grad(), computing_in(on.options.precision, on.images.device):
        for moment in network.engine(on.images[:1]).moments(on.images, points, timesteps, on.options.rows):
            last = moment.representations[-1]
            scene = Scene(network.head, last, on.targets.repeat(len(last) // images), on.images)
            cams, logits = attributed(grad_cam, {}, scene), scene.logits  # as a study does: of one pass of the head
            for place, point in enumerate(moment.points):
                first = 0 if moment.shared else place * images
                found[point, moment.timestep] = logits[first : first + images], cams[first : first + images]
    return found


def theirs(on: Bench, side: str, points: Sequence[Point], timesteps: int) -> Outputs:
    """The points one after the other at t = 0..timesteps."""
    found: Outputs = {}
    with computing_in(on.options.precision, on.images.device):
        for number, rules in enumerate(points):
            on.sides[side].rules = rules
            for timestep, step in enumerate(trajectory(on.sides[side], on.images, on.targets, timesteps)):
                found[number, timestep] = step.logits, step.cam
    return found


def seconds(function: Callable[..., Any], *given: Any) -> float:
    """Wall time of a call."""
    _synchronise()
    start = time.perf_counter()
    function(*given)
    _synchronise()
    return time.perf_counter() - start


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def multiplications(function: Callable[[], Outputs]) -> tuple[Outputs, float]:
    """What a call returns, and the multiplications in its matrix products and convolutions."""
    with _Counter() as counter, _counting_machine_code() as native:
        outputs = function()
    return outputs, counter.flops / 2 + sum(native)


@contextmanager
def _counting_machine_code() -> Iterator[list[int]]:
    """Gives the multiplications of each call of machine code, which torch does not see."""
    found: list[int] = []
    convolved, called = NativeSpectral._convolved, NativeNarrow._call

    def counted_spectral(self: NativeSpectral, way: Any, maps: Sequence[Tensor], *further: Any) -> Tensor:
        found.append(len(maps[0]) * self.multiplications(way.name == "adjoint"))
        return convolved(self, way, maps, *further)

    def counted_narrow(self: NativeNarrow, name: str, maps: Tensor, *further: Any) -> None:
        found.append(len(maps) * self.multiplications(name == "adjoint"))
        called(self, name, maps, *further)

    with patch.object(NativeSpectral, "_convolved", counted_spectral), patch.object(NativeNarrow, "_call", counted_narrow):
        yield found


class _Counter(TorchDispatchMode):
    """Counts as `FlopCounterMode` does, whose hooks on modules refuse `torch.autograd.grad`."""

    flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=made)
        return made


def difference(computed: Outputs, expected: Outputs) -> dict[str, float]:
    """The largest relative difference of an image's logits and of its Grad-CAM, over all that was computed."""
    largest = {"logits": 0.0, "grad_cam": 0.0}
    for key, pair in computed.items():
        for name, tensor, other in zip(largest, pair, expected[key], strict=True):
            distance = (tensor.float() - other.float()).flatten(1).norm(dim=1)
            size = other.float().flatten(1).norm(dim=1).clamp(min=1e-12)
            value = (distance / size).max().item()
            largest[name] = value if math.isnan(value) else max(largest[name], value)
    return largest


def agree(name: str, side: str, found: dict[str, float], precision: str) -> None:
    """Ends the benchmark where both sides do not compute the same."""
    logits, cams = found["logits"], found["grad_cam"]
    console.print(f"{name}: {side} and ours differ by {logits:.1e} in logits at most, by {cams:.1e} in Grad-CAM")
    if not logits <= TOLERANCES[precision]:
        raise SystemExit(f"Expected them to differ by {TOLERANCES[precision]:.0e} at most: nothing is timed.")


def ceiling(precision: str, device: torch.device) -> float:
    """Floating-point operations per second of the best of several large matrix products."""
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    one, other = (torch.randn(CEILING, CEILING, dtype=dtype, device=device) for _ in range(2))
    out = torch.empty_like(one)
    best = min(seconds(lambda: torch.mm(one, other, out=out)) for _ in range(6))
    torch.set_float32_matmul_precision(before)
    return 2 * CEILING**3 / best


def transformed_bytes(on: Bench) -> int:
    """Of the kernels that the engine keeps beside the network's own."""
    with torch.no_grad():
        shapes = shapes_of(list(on.network.stages), on.images[:1])
    budget = 0 if on.options.precision == "bf16" else BUDGET
    found = convolutions(list(on.network.stages), list(on.network.predictors), shapes, budget)
    return sum(each.option.bytes for each in found)
