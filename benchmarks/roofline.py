"""An estimate of what a GPU takes at least, from published peak rates: nobody has measured it.

    python benchmarks/roofline.py [--model pvgg16] [--timesteps 10] [--images 8] [--rows 32]

The engine orders its work on a device without memory (torch's `FakeTensorMode`). Every operation is taken to last as long as its
arithmetic at the peak rate or its bytes at the peak bandwidth, whichever is longer. So it is a bound: a library reaches a part of
a peak, and the time between operations is left out. A predictor is computed in the way that is estimated to be the fastest.
"""

import argparse
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from bench import ALPHA, SIZES, Point, console
from rich.table import Table
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from workloads import PACK, PREDIFY_BETA, PREDIFY_LAMBDA

from pcsweep.attribution import grad_cam
from pcsweep.machine.device import Precision, computing_in
from pcsweep.model import pminivgg, pvgg16
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.network.engine import build
from pcsweep.network.engine.arrays import channels_last
from pcsweep.network.engine.run import Engine
from pcsweep.pcoder.settings import stretched

PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "bf16")
_aten = torch.ops.aten
_PLACES = {
    *(_aten.empty, _aten.empty_like, _aten.empty_strided, _aten.new_empty, _aten.new_empty_strided),
    *(_aten._unsafe_view, torch.ops.prim.device),
}


@dataclass(frozen=True)
class GPU:
    """Published peaks, without sparsity.

    Args:
        name: of the model.
        called: what it calls itself, which other models of the name do not.
        rates: floating-point operations per second of matrix products and convolutions, by precision.
        bandwidth: of its memory, in bytes per second.
        source: of these numbers.
    """

    name: str
    called: str
    rates: Mapping[str, float]
    bandwidth: float
    source: str


GPUS = (
    GPU(
        "H100 SXM",
        "NVIDIA H100 80GB HBM3",
        {"fp32": 67e12, "tf32": 494.7e12, "bf16": 989.4e12},
        3.35e12,
        "NVIDIA H100 Tensor Core GPU datasheet",
    ),
    GPU(
        "A100 SXM",
        "NVIDIA A100-SXM4-80GB",
        {"fp32": 19.5e12, "tf32": 156e12, "bf16": 312e12},
        2.039e12,
        "NVIDIA A100 Tensor Core GPU datasheet",
    ),
    GPU(
        "RTX 4090",
        "NVIDIA GeForce RTX 4090",
        {"fp32": 82.6e12, "tf32": 82.6e12, "bf16": 165.2e12},
        1.008e12,
        "NVIDIA Ada GPU Architecture whitepaper, appendix A",
    ),
)


@dataclass(eq=False)
class Roofline(TorchDispatchMode):
    """Adds up what operations take.

    Args:
        gpu: that is thought of.
        precision: of convolutions of single-precision maps.
        seconds: in all.
        by_memory: of these, where bytes take longer than arithmetic.
        flops: floating-point operations of products and convolutions.
    """

    gpu: GPU
    precision: Precision
    seconds: float = 0.0
    by_memory: float = 0.0
    flops: float = 0.0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        made = func(*args, **kwargs)
        if func.overloadpacket in _PLACES or _is_view(func):
            return made
        flops = 0.0
        if func.overloadpacket in flop_registry:
            flops = flop_registry[func.overloadpacket](*args, **kwargs, out_val=made)
        arithmetic, memory = flops / self._rate(func, args), _bytes(func, args, kwargs, made) / self.gpu.bandwidth
        self.seconds += max(arithmetic, memory)
        self.by_memory += memory if memory > arithmetic else 0.0
        self.flops += flops
        return made

    def _rate(self, func: Any, args: Any) -> float:
        if any(isinstance(each, Tensor) and each.dtype == torch.bfloat16 for each in args):
            return self.gpu.rates["bf16"]
        is_convolution = func.overloadpacket in (_aten.convolution, _aten.convolution_backward)
        return self.gpu.rates["tf32" if is_convolution and self.precision == "tf32" else "fp32"]


def _is_view(func: Any) -> bool:
    returned = func._schema.returns
    return all(each.alias_info is not None and not each.alias_info.is_write for each in returned)


def _bytes(func: Any, args: Any, kwargs: Any, made: Any) -> int:
    """Read and written: every argument but memory for results, and every result."""
    written_only = {
        each.name for each in func._schema.arguments if each.kwarg_only and each.alias_info and each.alias_info.is_write
    }
    read = [args, {name: each for name, each in kwargs.items() if name not in written_only}]
    return sum(_size(each) for each in [*tree_leaves(read), *tree_leaves(made)] if isinstance(each, Tensor))


def _size(tensor: Tensor) -> int:
    """Bytes, where what is repeated without being copied counts once."""
    return math.prod(n for n, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride) * tensor.element_size()


@contextmanager
def _nowhere(gpu: GPU, precision: Precision) -> Iterator[Callable[[Callable[[], object]], float]]:
    """Hands out what says how long a call takes; meanwhile tensors have no memory, and the engine has this for a clock."""

    def clock(call: Callable[[], object]) -> float:
        with Roofline(gpu, precision) as roofline:
            call()
        return roofline.seconds

    with ExitStack() as stack:
        stack.enter_context(patch("torch.cuda.amp.common.amp_definitely_not_available", lambda: False))  # autocast is counted too
        stack.enter_context(patch("torch.cuda.is_bf16_supported", lambda *_, **__: True))
        stack.enter_context(patch.object(build, "timed", clock))
        stack.enter_context(warnings.catch_warnings())
        warnings.filterwarnings("ignore", "Accessing the data pointer of FakeTensor")
        stack.enter_context(FakeTensorMode())
        yield clock


def _network(model: str) -> PredictiveNetwork:
    """Of the model's shapes; its numbers do not matter."""
    backbone: nn.Module
    if model == "pvgg16":
        backbone, modules, made = torchvision.models.vgg16(weights=None, init_weights=False), pvgg16.MODULES, pvgg16.predictors()
    else:
        backbone, modules, made = pminivgg.MiniVGG(), pminivgg.MODULES, list(pminivgg.predictors())
    return PredictiveNetwork(backbone.eval(), [PCoder(*each, 20.0) for each in zip(modules, made, strict=True)])


def packs(pcoders: int) -> dict[str, list[Point]]:
    """The grid points of each workload, by the benchmark's names."""
    numbers = range(1, pcoders + 1)
    fig2 = Coefficients(stretched(PREDIFY_BETA, pcoders), stretched(PREDIFY_LAMBDA, pcoders), ALPHA).per_pcoder(pcoders)
    return {
        "a fig4": _points(numbers, pcoders),
        **{f"b fig3 pcoder {number}": _points([number], pcoders) for number in numbers},
        "c fig2": [fig2],
    }


def _points(active: Sequence[int], pcoders: int) -> list[Point]:
    return [Coefficients(beta, lambda_, ALPHA).restricted_to(active, pcoders).per_pcoder(pcoders) for beta, lambda_ in PACK]


@dataclass(frozen=True)
class Estimate:
    """Of one workload, or of several the mean.

    Args:
        seconds: per image-timestep, at least.
        by_memory: the share of these in which bytes take longer than arithmetic.
        multiplications: per image-timestep.
    """

    seconds: float
    by_memory: float
    multiplications: float


@dataclass(eq=False)
class Estimates:
    """Of one model on one GPU in one precision.

    Args:
        gpu, precision: that are thought of.
        options: `model`, `images`, `rows` and `timesteps`, as of the benchmark.
    """

    gpu: GPU
    precision: Precision
    options: argparse.Namespace
    _heads: dict[int, Roofline] = field(default_factory=dict)

    def workloads(self) -> dict[str, Estimate]:
        """By name."""
        with _nowhere(self.gpu, self.precision), torch.device("cuda"):
            network, images = _network(self.options.model), torch.zeros(self.options.images, 3, *[SIZES[self.options.model]] * 2)
            channels_last(network)
            found = {}
            for name, points in packs(len(network.stages)).items():
                each = self._pack(network, images, points)
                found[name] = Estimate(each.seconds, each.by_memory / each.seconds, each.flops / 2)
        return found

    def _pack(self, network: PredictiveNetwork, images: Tensor, points: Sequence[Point]) -> Roofline:
        """Per image-timestep. From t = 2 on all timesteps take the same."""
        timesteps, few = self.options.timesteps, [self._run(network, images, points, steps) for steps in (1, 2)]
        amount = len(points) * len(images) * (timesteps + 1)

        def each(name: str) -> float:
            one, two = (getattr(run, name) for run in few)
            return (one + (timesteps - 1) * (two - one)) / amount

        return Roofline(self.gpu, self.precision, each("seconds"), each("by_memory"), each("flops"))

    def _run(self, network: PredictiveNetwork, images: Tensor, points: Sequence[Point], timesteps: int) -> Roofline:
        total = Roofline(self.gpu, self.precision)
        with computing_in(self.precision, images.device), torch.no_grad():
            engine = Engine(network.engine(images[:1]).network)  # without recordings, which change nothing of the work
            with total:
                rows = [
                    len(moment.representations[-1]) for moment in engine.moments(images, points, timesteps, self.options.rows)
                ]
        for count in rows:
            head = self._head(count)
            total.seconds, total.by_memory = total.seconds + head.seconds, total.by_memory + head.by_memory
            total.flops += head.flops
        return total

    def _head(self, rows: int) -> Roofline:
        """Logits and Grad-CAM of so many rows. Autograd refuses a GPU that is not there, so this is on the device `meta`."""
        if rows not in self._heads:
            dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
            with torch._subclasses.fake_tensor.unset_fake_temporarily(), torch.device("meta"):
                network = _network(self.options.model).to(dtype)
                image = torch.zeros(1, 3, *[SIZES[self.options.model]] * 2, dtype=dtype)
                with torch.no_grad():
                    shape = network.feedforward(image)[-1].shape[1:]
                representation, target = torch.zeros(rows, *shape, dtype=dtype), torch.zeros(rows, dtype=torch.int64)
                with Roofline(self.gpu, self.precision) as self._heads[rows]:
                    grad_cam(network.head, representation, target)
        return self._heads[rows]


def estimated(device: str, options: argparse.Namespace) -> dict[str, Estimate]:
    """Of the workloads on this GPU by name; none of a GPU whose peaks are not listed here."""
    gpu = known(device)
    return {} if gpu is None else Estimates(gpu, options.precision, options).workloads()


def known(name: str) -> GPU | None:
    """The GPU that calls itself so, if its peaks are listed here."""
    return next((gpu for gpu in GPUS if gpu.called == name), None)


def table(options: argparse.Namespace) -> Table:
    """Milliseconds per image-timestep of all GPUs."""
    found = Table(title=f"Estimate, not measured: ms per image-timestep of {options.model} at least, T = {options.timesteps}")
    for name in ("workload", "GPU", *PRECISIONS, "bound by memory"):
        found.add_column(name, justify="left" if name in ("workload", "GPU") else "right")
    estimates = {
        (gpu.name, precision): Estimates(gpu, precision, options).workloads() for gpu in GPUS for precision in PRECISIONS
    }
    for workload in ("a fig4", "b fig3", "c fig2"):
        for gpu in GPUS:
            each = [_mean(estimates[gpu.name, precision], workload) for precision in PRECISIONS]
            times = [f"{1000 * one.seconds:.3f}" for one in each]
            found.add_row(workload, gpu.name, *times, ", ".join(f"{one.by_memory:.0%}" for one in each))
    return found


def _mean(estimates: Mapping[str, Estimate], workload: str) -> Estimate:
    """Of those whose names begin so."""
    each = [estimate for name, estimate in estimates.items() if name.startswith(workload)]
    mean = [sum(getattr(one, name) for one in each) / len(each) for name in ("seconds", "by_memory", "multiplications")]
    return Estimate(*mean)


def main() -> None:
    """Shows the table, and where the peaks are from."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=list(SIZES), default="pvgg16")
    parser.add_argument("--timesteps", type=int, default=10, help="after t = 0")
    parser.add_argument("--images", type=int, default=8, help="in a batch")
    parser.add_argument("--rows", type=int, default=32, help="images × points that the engine computes at once")
    console.print(table(parser.parse_args()))
    for gpu in GPUS:
        rates = ", ".join(f"{precision} {rate / 1e12:g}" for precision, rate in gpu.rates.items())
        console.print(f"{gpu.name}: {rates} TFLOP/s, {gpu.bandwidth / 1e12:g} TB/s ({gpu.source})")


if __name__ == "__main__":
    main()
