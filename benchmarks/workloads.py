"""The workloads: seconds per image-timestep of both ways, of the demo, of starting up, and as sizes grow."""

import argparse
import copy
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from bench import ALPHA, SIZES, Bench, Point, agree, bench, difference, multiplications, network_of, ours, seconds, sides, theirs
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from pcsweep.machine.device import device_of
from pcsweep.network import Coefficients, PredictiveNetwork
from pcsweep.pcoder.settings import stretched
from pcsweep.study import shards

PACK = ((0.2, 0.2), (0.2, 0.4), (0.2, 0.6), (0.4, 0.2), (0.4, 0.4), (0.6, 0.2), (0.6, 0.3), (0.8, 0.1))  # β, λ
PREDIFY_BETA, PREDIFY_LAMBDA = (0.2, 0.4, 0.4, 0.5, 0.6), (0.05, 0.1, 0.1, 0.1, 0.0)
OPERATIONS = ("aten::bmm", "aten::mm", "aten::addmm", "aten::mkldnn_convolution")


@dataclass(frozen=True)
class Side:
    """What was measured of one way to compute.

    Args:
        seconds: per image-timestep, one for each repeat.
        multiplications: per image-timestep; `None` where not counted.
        differences: largest relative difference to ours, of logits and of Grad-CAM.
    """

    seconds: list[float]
    multiplications: float | None = None
    differences: dict[str, float] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Seconds per image-timestep."""
        return statistics.median(self.seconds)

    @property
    def flops(self) -> float | None:
        """Per second."""
        return None if self.multiplications is None else 2 * self.multiplications / self.median


@dataclass(frozen=True)
class Result:
    """One workload.

    Args:
        name: letter, and what it is.
        sides: `ours` and what it is compared with.
        note: what has to be known to read it.
    """

    name: str
    sides: dict[str, Side]
    note: str = ""

    def ratio(self, side: str) -> float:
        """How many times slower the median of that side is than ours."""
        return self.sides[side].median / self.sides["ours"].median

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        measured = {
            name: {
                **asdict(side),
                "median": side.median,
                "per_second": 1 / side.median,
                "gflops": side.flops and side.flops / 1e9,
                "ratio": self.ratio(name),
            }
            for name, side in self.sides.items()
        }
        return {"name": self.name, "note": self.note, "sides": measured}


def measured(name: str, on: Bench, points: Sequence[Point]) -> Result:
    """The points on the bench's images, by turns; the others run only a few points and timesteps."""
    options = on.options
    few, steps = points[: options.reference_points], min(options.reference_timesteps, options.timesteps)
    images = len(on.images)
    calls = {"ours": partial(ours, on, points, options.timesteps)}
    calls |= {side: partial(theirs, on, side, few, steps) for side in on.sides}
    amounts = {side: len(few) * images * (steps + 1) for side in on.sides}
    amounts["ours"] = len(points) * images * (options.timesteps + 1)
    untimed = {side: multiplications(call) for side, call in calls.items()}
    differences = {side: difference(untimed[side][0], untimed["ours"][0]) for side in on.sides}
    for side, found in differences.items():
        agree(name, side, found, options.precision)
    times: dict[str, list[float]] = {side: [] for side in calls}
    for _ in range(options.repeats):
        for side, call in calls.items():
            times[side].append(seconds(call) / amounts[side])
    made = {side: Side(times[side], untimed[side][1] / amounts[side], differences.get(side, {})) for side in calls}
    return Result(name, made, f"the others: {len(few)} of {len(points)} points, t = 0..{steps} of {options.timesteps}")


def fig4(on: Bench) -> Iterator[Result]:
    """All pcoders, eight points."""
    yield measured("a fig4", on, on.points(PACK))


def fig3(on: Bench) -> Iterator[Result]:
    """Each pcoder alone, and the mean of their ratios."""
    for number in range(1, len(on.network.stages) + 1):
        yield measured(f"b fig3 pcoder {number}", on, on.points(PACK, [number]))


def fig2(on: Bench) -> Iterator[Result]:
    """predify's coefficients, stretched over the network's depth."""
    count = len(on.network.stages)
    rules = Coefficients(stretched(PREDIFY_BETA, count), stretched(PREDIFY_LAMBDA, count), ALPHA).per_pcoder(count)
    yield measured("c fig2", on, [rules])


def demo(options: argparse.Namespace) -> Result:
    """The command from start to end, against the dynamics and Grad-CAM alone of the same points."""
    on = bench("pminivgg", options, sides())
    times: dict[str, list[float]] = {"ours": [], **{side: [] for side in on.sides}}
    for number in range(options.repeats):
        took, points, steps = _demo(options)
        times["ours"].append(took / (len(points) * options.demo_images * (steps + 1)))
        few = points[: options.reference_points]
        for side in on.sides:
            if number == 0:
                agree("d demo", side, difference(theirs(on, side, few, steps), ours(on, few, steps)), options.precision)
            times[side].append(_in_batches(on, side, few, steps))
    note = f"ours: the whole command with {len(points)} points × {options.demo_images} images, start-up, noise, metrics and files"
    note += f" included; the others: extrapolated from {len(few)} of the points, dynamics and Grad-CAM alone"
    return Result("d demo", {side: Side(values) for side, values in times.items()}, note)


def _demo(options: argparse.Namespace) -> tuple[float, list[Point], int]:
    """The command's wall time, its points and its T."""
    with tempfile.TemporaryDirectory() as root:
        words = ["experiment=demo", f"dataset.limit={options.demo_images}", f"precision={options.precision}"]
        took = seconds(pcsweep, root, *words, f"device={options.device}")
        found = [shards.read(path) for path in sorted((Path(root) / "demo/shards").glob("*.parquet"))]
    return took, [_rules(shard) for shard in found], found[0].settings["timesteps"]


def _in_batches(on: Bench, side: str, points: Sequence[Point], timesteps: int) -> float:
    """Seconds per image-timestep on as many images as the demo has."""
    batches = math.ceil(on.options.demo_images / len(on.images))
    took = seconds(lambda: [theirs(on, side, points, timesteps) for _ in range(batches)])
    return took / (len(points) * batches * len(on.images) * (timesteps + 1))


def _rules(shard: shards.Shard) -> Point:
    pcoder = shard.settings["pcoder"]
    return list(zip(pcoder["beta"], pcoder["lambda"], pcoder["alpha"], strict=True))


def pcsweep(root: str, *words: str) -> None:
    """The command, with its studies in a folder."""
    command = [sys.executable, "-m", "pcsweep", *words, f"output_root={root}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")


def start_up(options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds: of a short command; of making PVGG16 and its engine; of the first image's logits from it, and once more."""
    names = ("command", "model", "engine", "first logits", "logits once more")
    times: dict[str, list[float]] = {name: [] for name in names}
    device = device_of(options.device)
    image = torch.randn(1, 3, SIZES[options.model], SIZES[options.model], generator=torch.Generator().manual_seed(0)).to(device)
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as root:
            words = ["model=pminivgg", "dataset.limit=8", "timesteps=0", f"device={options.device}"]
            times["command"].append(seconds(pcsweep, root, *words))
    made: list[PredictiveNetwork] = []
    times["model"].append(seconds(lambda: made.append(network_of(options.model)[0].to(device))))
    for _ in range(options.repeats):
        network = copy.copy(made[0])  # shares the weights, and has no engine yet
        times["engine"].append(seconds(network.engine, image))
        for name in names[3:]:
            times[name].append(seconds(_first_logits, network, image))
        del network
    return times


def _first_logits(network: PredictiveNetwork, image: Tensor) -> Tensor:
    with torch.no_grad():
        moment = next(network.engine(image).moments(image, [[(1.0, 0.0, 0.0)] * len(network.stages)], 0, 1))
        return network.head(moment.representations[-1])


def growth(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Seconds per image-timestep of pminivgg as one size grows tenfold; images come in batches of `--images`, as in a study."""
    on = bench("pminivgg", options, [])
    pack, many = on.points(PACK), on.points(_pairs(10 * len(PACK)))
    steps = options.timesteps
    sizes = {
        "images": ((1, pack, steps), (10, pack, steps)),
        "grid points": ((1, pack, steps), (1, many, steps)),
        "timesteps": ((1, pack, steps), (1, pack, 10 * steps)),
    }
    ours(on, pack, 1)
    starts = {"images": options.images, "grid points": len(pack), "timesteps": steps}
    found = []
    for name, cases in sizes.items():
        times = [[_each(on, *case) for case in cases] for _ in range(options.repeats)]
        small, large = map(statistics.median, zip(*times, strict=True))
        found.append({"size": name, "from": starts[name], "to": 10 * starts[name], "small": small, "large": large})
    return found


def _each(on: Bench, batches: int, points: Sequence[Point], timesteps: int) -> float:
    taken = seconds(lambda: [ours(on, points, timesteps) for _ in range(batches)])
    return taken / (batches * len(points) * len(on.images) * (timesteps + 1))


def _pairs(count: int) -> list[tuple[float, float]]:
    """As many different β-λ, β + λ < 1."""
    side = math.ceil(math.sqrt(count))
    values = [0.5 * (index + 1) / (side + 1) for index in range(side)]
    return [(beta, lambda_) for beta in values for lambda_ in values][:count]


def shares(options: argparse.Namespace) -> list[tuple[str, float]]:
    """The operations of workload a with T = 2, by their share of the time on the CPU, or on CUDA of that on the device."""
    on = bench(options.model, options, [])
    points = on.points(PACK)
    ours(on, points, 1)
    cuda = on.images.is_cuda
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities) as profiler:
        ours(on, points, 2)
    events = profiler.key_averages()
    times = {event.key: event.self_device_time_total if cuda else event.self_cpu_time_total for event in events}
    total = sum(times.values())
    named = {name: times.get(name, 0.0) for name in OPERATIONS}
    return [(name, time_ / total) for name, time_ in sorted({**times, **named}.items(), key=lambda item: -item[1])]
