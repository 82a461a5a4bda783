"""Seconds per image and timestep of the engine and of the way that it replaces (benchmarks/reference.py), by turns.

    python benchmarks/speed.py [--only a,b,c,d,e] [--growth] [--memory] [--profile]

    a  all pcoders, eight β-λ points (Fig. 4)             d  the demo: the whole command, against its points' dynamics alone
    b  one pcoder at a time, the same points (Fig. 3)     e  start-up
    c  predify's own coefficients, one point (Fig. 2)

An image-timestep is one image at one grid point and one t, t = 0 included: dynamics, logits and Grad-CAM. Weights are random
unless the package has its own; so are the images. The reference computes the same at every timestep and for all coefficients, so
that a few of its timesteps are enough.
"""

import argparse
import copy
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from reference import PREDIFY_INSTALLED, Parts, Predify, Reference, parts_of, trajectory
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from pcsweep import shards
from pcsweep.attribution import grad_cam
from pcsweep.coefficients import stretched
from pcsweep.compilation import convolutions, shapes_of
from pcsweep.device import device_of
from pcsweep.measurement import computing_in
from pcsweep.model.pminivgg import MiniVGG, pminivgg
from pcsweep.model.pvgg16 import pvgg16
from pcsweep.network import Coefficients, PredictiveNetwork
from pcsweep.predictor.choice import BUDGET
from pcsweep.pretrained import torchvision_backbone
from pcsweep.provenance import provenance
from pcsweep.rules import Rule

ALPHA = 0.01
PACK = ((0.2, 0.2), (0.2, 0.4), (0.2, 0.6), (0.4, 0.2), (0.4, 0.4), (0.6, 0.2), (0.6, 0.3), (0.8, 0.1))  # β, λ
PREDIFY_BETA, PREDIFY_LAMBDA = (0.2, 0.4, 0.4, 0.5, 0.6), (0.05, 0.1, 0.1, 0.1, 0.0)
SIZES = {"pvgg16": 224, "pminivgg": 64}
TOLERANCES = {"fp32": 1e-3, "tf32": 1e-2, "bf16": 1e-1}  # of logits, relative
CEILING = 4096  # rows and columns of the product that tells what the machine can do
_BUSY = 0.5  # load average
OPERATIONS = ("aten::bmm", "aten::mm", "aten::addmm", "aten::mkldnn_convolution")

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
    network, parts = _network(model)
    network.to(device)
    parts.backbone.to(device)
    rules = [(1.0, 0.0, 0.0)] * len(network.stages)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(options.images, 3, SIZES[model], SIZES[model], generator=generator)
    targets = torch.randint(0, 10, (options.images,), generator=generator)
    makers = {"reference": Reference, "predify": Predify}
    return Bench(network, {side: makers[side](parts, rules) for side in sides}, images.to(device), targets.to(device), options)


def _network(model: str) -> tuple[PredictiveNetwork, Parts]:
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
            logits = network.head(last)
            cams = grad_cam(network.head, last, on.targets.repeat(len(last) // images))
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
    with _Counter() as counter:
        outputs = function()
    return outputs, counter.flops / 2


class _Counter(TorchDispatchMode):
    """Counts as `FlopCounterMode` does, whose hooks on modules refuse `torch.autograd.grad`."""

    flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.flops += flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=made)
        return made


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
        found = [shard for shard in shards.read_all(Path(root) / "demo/shards") if isinstance(shard, shards.Shard)]
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
    times["model"].append(seconds(lambda: made.append(_network(options.model)[0].to(device))))
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


def memory(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Peak bytes of each side on workload a, each in a process of its own."""
    found = {}
    for side in ["ours", *sides()]:
        done = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--child", side], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"--child {side} failed:\n{done.stderr}")
        found[side] = json.loads(done.stdout.splitlines()[-1])
    return found


def child(options: argparse.Namespace) -> None:
    """Workload a by one side; writes the process's peak memory."""
    on = bench(options.model, options, [] if options.child == "ours" else [options.child])
    points = on.points(PACK)
    if options.child == "ours":
        ours(on, points, options.timesteps)
    else:
        steps = min(options.reference_timesteps, options.timesteps)
        theirs(on, options.child, points[: options.reference_points], steps)
    peak = {"host": _peak()}
    if on.images.is_cuda:
        peak["device"] = torch.cuda.max_memory_allocated()
    sys.stdout.write(f"\n{json.dumps(peak)}\n")


def _peak() -> int:
    """Bytes. Linux hands `ru_maxrss` of the parent on to a child, so that its own peak is read where it is counted afresh."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


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


def environment(options: argparse.Namespace) -> dict[str, Any]:
    """Where the numbers come from."""
    device = device_of(options.device)
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],  # before anything was measured: others' work on these cores
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "git": provenance()["git"],
        "predify": PREDIFY_INSTALLED,
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()},
    }


def speed_table(results: Sequence[Result], most: float) -> Table:
    """Times and what was computed in them."""
    table = Table(title="Seconds per image-timestep: median (least..most)")
    for name in ("workload", "side", "seconds", "per second", "times ours", "GFLOP/s", "of the ceiling", "multiplications"):
        table.add_column(name, justify="left" if name in ("workload", "side") else "right")
    for result in results:
        for name, side in result.sides.items():
            spread = f"{side.median:.5f} ({min(side.seconds):.5f}..{max(side.seconds):.5f})"
            counted = ["", "", ""]
            if side.flops is not None:
                counted = [f"{side.flops / 1e9:.1f}", f"{side.flops / most:.0%}", f"{side.multiplications / 1e6:,.0f} M"]
            ratio = "" if name == "ours" else f"{result.ratio(name):.2f}"
            table.add_row(result.name if name == "ours" else "", name, spread, f"{1 / side.median:.2f}", ratio, *counted)
    return table


def plain_table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table, its first column flush left."""
    table = Table(title=title)
    for number, name in enumerate(names):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table


class Report:
    """What was found so far, on the console and as JSON, written after every part."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._path: Path = options.json
        self._found: dict[str, Any] = {"environment": environment(options)}
        load = self._found["environment"]["load"]
        if load > _BUSY:
            console.print(f"This machine was busy before the benchmark (load {load:.1f}): the times below are not to be trusted.")

    def add(self, name: str, found: Any, *shown: Any) -> None:
        """Keeps one part and shows it."""
        self._found[name] = found
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self._found, indent=1, ensure_ascii=False) + "\n")
        for each in shown:
            console.print(each)


def workloads(options: argparse.Namespace, report: Report) -> None:
    """Those of `--only` that have a reference."""
    most = ceiling(options.precision, device_of(options.device))
    report.add("ceiling_gflops", most / 1e9, f"the machine's ceiling: {most / 1e9:.1f} GFLOP/s, a product of {CEILING}² matrices")
    results: list[Result] = []
    wanted = {letter: run for letter, run in (("a", fig4), ("b", fig3), ("c", fig2)) if letter in options.only}
    if wanted:
        on = bench(options.model, options, sides())
        kept = transformed_bytes(on)
        report.add("transformed_kernel_bytes", kept, f"transformed kernels: {kept / 2**20:.0f} MiB")
        for run in wanted.values():
            for result in run(on):
                results.append(result)
                report.add("workloads", [each.plain() for each in results])
        del on
    if "d" in options.only:
        results.append(demo(options))
        report.add("workloads", [each.plain() for each in results])
    if results:
        console.print(speed_table(results, most))
        for result in results:
            console.print(f"{result.name}: {result.note}")
    ratios = {side: [each.ratio(side) for each in results if each.name.startswith("b")] for side in sides()}
    for side, values in ratios.items():
        if values:
            mean = statistics.mean(values)
            report.add(f"fig3_mean_ratio_{side}", mean, f"b fig3: {side} takes {mean:.2f} times ours, the mean of {len(values)}")


def further(options: argparse.Namespace, report: Report) -> None:
    """Start-up, growth, profile."""
    if "e" in options.only:
        times = start_up(options)
        rows = [[name, f"{statistics.median(each):.3f}", f"{min(each):.3f}..{max(each):.3f}"] for name, each in times.items()]
        title = f"Start-up in seconds: the command on pminivgg, then {options.model} in a warm process"
        report.add("start_up", times, plain_table(title, ["of", "median", "least..most"], rows))
    if options.growth:
        found = growth(options)
        rows = [
            [each["size"], f"{each['from']} → {each['to']}", f"{each['small']:.6f}", f"{each['large']:.6f}"]
            + [f"{each['large'] / each['small']:.3f}"]
            for each in found
        ]
        title = "Growth: pminivgg, seconds per image-timestep"
        report.add("growth", found, plain_table(title, ["size", "from → to", "small", "large", "ratio"], rows))
    if options.profile:
        found = shares(options)
        shown = [[name, f"{share:.1%}"] for name, share in found[:20] if share > 0]
        shown += [[name, f"{share:.1%}"] for name, share in found[20:] if name in OPERATIONS]
        report.add("profile", dict(found), plain_table("Share of self time, workload a, T = 2", ["operation", "share"], shown))


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", type=lambda text: text.split(","), default=list("abcde"), help="workloads, or none")
    parser.add_argument("--timesteps", type=int, default=10, help="after t = 0")
    parser.add_argument("--images", type=int, default=8, help="in a batch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=32, help="images × points that the engine computes at once")
    parser.add_argument("--reference-timesteps", type=int, default=2, help="after t = 0")
    parser.add_argument("--reference-points", type=int, default=1)
    parser.add_argument("--demo-images", type=int, default=100)
    parser.add_argument("--model", choices=list(SIZES), default="pvgg16", help="of a, b, c and e")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", choices=list(TOLERANCES), default="fp32")
    parser.add_argument("--growth", action="store_true", help="time as images, points and timesteps grow tenfold")
    parser.add_argument("--memory", action="store_true", help="peak memory of each side on workload a")
    parser.add_argument("--profile", action="store_true", help="where the engine's time goes on workload a")
    parser.add_argument("--json", type=Path, default=Path("outputs/benchmark.json"), help="where the results go")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measures, shows and writes."""
    options = parsed()
    if options.child:
        child(options)
        return
    report = Report(options)
    note = "" if PREDIFY_INSTALLED else "predify is not installed: the reference, its transcription, stands alone"
    report.add("note", note, *([note] if note else []))
    if options.memory:
        peaks = memory(options)
        rows = [[side, *(f"{value / 2**30:.2f} GiB" for value in each.values())] for side, each in peaks.items()]
        kinds = list(next(iter(peaks.values())))
        report.add("peak_memory", peaks, plain_table("Peak memory, workload a", ["side", *kinds], rows))
    if set(options.only) & set("abcd"):
        workloads(options, report)
    further(options, report)


if __name__ == "__main__":
    main()
