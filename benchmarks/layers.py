"""Where a timestep of the engine goes, layer by layer: multiplications, bytes, seconds, and the bound that the machine sets.

    python benchmarks/layers.py [--model pvgg16] [--rows 32]

Each layer is computed alone, on as many rows per call as the engine hands it, of random maps that are laid out as the engine's.
Its bytes are what it must read and write once: its maps, and its kernel in every call. The bound is the longer of its
multiplications at the rate of a large matrix product and its bytes at the rate of a large copy, both measured here.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from bench import SIZES, ceiling, console, multiplications, network_of
from rich.table import Table
from torch import Tensor, nn

from pcsweep.network.convolution.choice import timed
from pcsweep.network.convolution.closed_form import ClosedForm, Predictor
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.engine.arrays import Distinct, slices
from pcsweep.network.engine.compiled import CompiledNetwork

_COPIED = 2**28  # numbers in the copy that tells the rate of memory


@dataclass(frozen=True)
class Layer:
    """Of one row, on average over a call.

    Args:
        name: f_n for what is driven, p_n for a prediction, g_n for the gradient of its error, with the layer's own.
        rows: in a call.
        multiplications: in products and convolutions.
        bytes: to be read and written.
        seconds: by the clock.
    """

    name: str
    rows: int
    multiplications: float
    bytes: float
    seconds: float


def layers(network: CompiledNetwork, states: list[Tensor]) -> Iterator[Layer]:
    """Of what is computed at a timestep at which every pcoder moves.

    Args:
        network: compiled.
        states: r_0..r_N, (rows, channels, height, width).
    """
    for n in range(1, len(network.stages) + 1):
        below, representation = states[n - 1 : n + 1]
        if n > 1:
            yield from _of_stage(network.stages[n - 1], n, below[: network.stage_rows[n - 1]])
        rows = next(slices(0, len(below), network.predictor_rows[n - 1]))
        yield from _of_predictor(network.predictors[n - 1], n, representation[rows], below[rows])


def _of_predictor(predictor: Predictor, n: int, representation: Tensor, below: Tensor) -> Iterator[Layer]:
    kernel = _kernel_bytes(predictor)
    prediction = _layer(f"p_{n}", lambda: predictor.predict(representation), [representation, below], kernel)
    both = _layer(f"g_{n}", lambda: predictor.predict_and_differentiate(representation, below), [below], 0)
    maps = (2 * _bytes(below) + _bytes(representation) + kernel) / len(below)  # the prediction and its target, and the gradient
    yield prediction
    yield Layer(
        both.name,
        len(below),
        both.multiplications - prediction.multiplications,
        maps,
        max(0.0, both.seconds - prediction.seconds),
    )


def _of_stage(stage: nn.Module, n: int, below: Tensor) -> Iterator[Layer]:
    """The layers of f_n with weights, each on what it is given in a pass."""
    given: dict[str, Tensor] = {}
    with_weights = {name: each for name, each in stage.named_modules() if isinstance(each, nn.Conv2d) or hasattr(each, "way")}
    hooks = [
        each.register_forward_pre_hook(lambda _, args, name=name: given.__setitem__(name, args[0].clone()))
        for name, each in with_weights.items()
    ]
    made = stage(below)
    for hook in hooks:
        hook.remove()
    found = []
    for name, each in with_weights.items():
        maps = given[name]
        found.append(_layer(f"f_{n} {name}", lambda: each(maps), [maps, each(maps)], _kernel_bytes(each)))  # noqa: B023  (called here)
    yield from found
    seconds = timed(lambda: stage(below)) / len(below) - sum(each.seconds for each in found)
    yield Layer(f"f_{n}, the rest", len(below), 0, (_bytes(below) + _bytes(made)) / len(below), max(0.0, seconds))


def _layer(name: str, call: Callable[[], object], maps: list[Tensor], kernel: int) -> Layer:
    _, counted = multiplications(call)  # type: ignore[arg-type]  (whatever the call returns)
    rows = len(maps[0])
    return Layer(name, rows, counted / rows, (sum(map(_bytes, maps)) + kernel) / rows, timed(call) / rows)


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _kernel_bytes(layer: object) -> int:
    """Of what is read in every call."""
    way = layer.algorithm if isinstance(layer, ClosedForm) else getattr(layer, "way", layer)
    if isinstance(way, NativeSpectral):
        return way.bytes
    weights = [each for each in vars(way).values() if isinstance(each, Tensor)] if not isinstance(way, nn.Module) else []
    weights += list(way.parameters()) if isinstance(way, nn.Module) else []
    return sum(map(_bytes, weights))


def copy_rate() -> float:
    """Bytes per second of the best of several copies of a large array, read and written."""
    one, other = torch.zeros(_COPIED), torch.zeros(_COPIED)
    return 2 * _bytes(one) / timed(lambda: other.copy_(one))


def table(found: list[Layer], flops: float, bandwidth: float) -> Table:
    """With what each layer takes beside its bound."""
    made = Table(
        title=f"A timestep of one row at {flops / 1e9:.0f} GFLOP/s of products and {bandwidth / 1e9:.1f} GB/s of copies",
    )
    for name in ("layer", "rows", "million multiplications", "MB", "ms", "GFLOP/s", "of the ceiling", "bound, ms", "bound by"):
        made.add_column(name, justify="left" if name in ("layer", "bound by") else "right")
    total = Layer("all", 1, *(sum(getattr(each, name) for each in found) for name in ("multiplications", "bytes", "seconds")))
    bounds = []
    for each in [*found, total]:
        arithmetic, memory = 2 * each.multiplications / flops, each.bytes / bandwidth
        bounds.append(max(arithmetic, memory) if each is not total else sum(bounds))
        rate = 2 * each.multiplications / each.seconds if each.seconds else 0.0
        made.add_row(
            each.name,
            str(each.rows) if each is not total else "",
            f"{each.multiplications / 1e6:,.0f}",
            f"{each.bytes / 1e6:,.1f}",
            f"{each.seconds * 1e3:,.2f}",
            f"{rate / 1e9:.0f}",
            f"{rate / flops:.0%}",
            f"{bounds[-1] * 1e3:,.2f}",
            "" if each is total else "arithmetic" if arithmetic > memory else "memory",
        )
    return made


def main() -> None:
    """Shows the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", choices=list(SIZES), default="pvgg16")
    parser.add_argument("--rows", type=int, default=32, help="images × points that the engine computes at once")
    options = parser.parse_args()
    network, _ = network_of(options.model)
    images = torch.randn(options.rows, 3, *[SIZES[options.model]] * 2).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        compiled = network.engine(images[:1]).network
        states = [each.clone() for each in compiled.feedforward(images, Distinct(options.rows, options.rows))]
        found = list(layers(compiled, states))
    console.print(table(found, ceiling("fp32", images.device), copy_rate()))


if __name__ == "__main__":
    main()
