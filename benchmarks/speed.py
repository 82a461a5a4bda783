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
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from bench import CEILING, SIZES, TOLERANCES, bench, ceiling, console, ours, sides, theirs, transformed_bytes
from reference import PREDIFY_INSTALLED
from rich.table import Table
from roofline import Estimate, estimated
from workloads import OPERATIONS, PACK, Result, Side, demo, fig2, fig3, fig4, growth, shares, start_up

from pcsweep.machine.device import device_of
from pcsweep.machine.provenance import provenance

ESTIMATE = "estimate (roofline)"  # of a GPU: a bound from published peaks, not measured
_BUSY = 0.5  # load average


def memory() -> dict[str, dict[str, float]]:
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


def with_estimate(result: Result, estimates: Mapping[str, Estimate]) -> Result:
    """The workload with what the GPU takes at least, if that is estimated."""
    estimate = estimates.get(result.name)
    if estimate is None:
        return result
    return replace(result, sides={**result.sides, ESTIMATE: Side([estimate.seconds], estimate.multiplications)})


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
    device = device_of(options.device)
    estimates = estimated(torch.cuda.get_device_name(device), options) if device.type == "cuda" else {}
    wanted = {letter: run for letter, run in (("a", fig4), ("b", fig3), ("c", fig2)) if letter in options.only}
    if wanted:
        on = bench(options.model, options, sides())
        kept = transformed_bytes(on)
        report.add("transformed_kernel_bytes", kept, f"transformed kernels: {kept / 2**20:.0f} MiB")
        for run in wanted.values():
            for result in run(on):
                results.append(with_estimate(result, estimates))
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
        peaks = memory()
        rows = [[side, *(f"{value / 2**30:.2f} GiB" for value in each.values())] for side, each in peaks.items()]
        kinds = list(next(iter(peaks.values())))
        report.add("peak_memory", peaks, plain_table("Peak memory, workload a", ["side", *kinds], rows))
    if set(options.only) & set("abcd"):
        workloads(options, report)
    further(options, report)


if __name__ == "__main__":
    main()
