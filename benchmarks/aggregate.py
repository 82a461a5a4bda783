"""Seconds and peak memory of aggregating a study of generated shards, of its page, and of the statistics alone.

    python benchmarks/aggregate.py [--shards 1000] [--images 2000] [--timesteps 10] [--classes 50] [--folder FOLDER]

The shards go to a temporary folder, or to one that stays, where those that are there already are not made again; the aggregation,
pictures included, runs in a process of its own.
"""

import argparse
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: two threads of our own

import numpy as np

from pcsweep.statistics.cell import summarise
from pcsweep.statistics.drawing import Drawing
from pcsweep.statistics.paired import PairedValues, paired
from pcsweep.statistics.permutation import flipped
from pcsweep.study import shards

THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
TENTHS = [index / 10 for index in range(11)]

log = logging.getLogger("benchmark")


def settings(sigma: float, beta: float, lambda_: float, timesteps: int, alpha: float = 0.01) -> dict[str, Any]:
    """Those of one generated grid point."""
    return {
        "model": {"name": "generated"},
        "dataset": {"name": "generated"},
        "noise": {"name": "gaussian", "sigma": sigma, "seed": 0},
        "pcoder": {"active": [1, 2], "beta": [beta] * 2, "lambda": [lambda_] * 2, "alpha": [alpha] * 2},
        "threshold": 0.5,
        "thresholds": THRESHOLDS,
        "timesteps": timesteps,
    }


def columns(point: dict[str, Any], images: int, generator: np.random.Generator, classes: int = 50) -> dict[str, Any]:
    """Uniform numbers, masks that are the same in all shards; in every fifth shard one map in fifty is undefined, and with it all
    metrics of maps.
    """
    steps = point["timesteps"] + 1
    rows = images * steps
    pcoder = point["pcoder"]
    constant = {"model": "generated", "dataset": "generated", "noise": "gaussian", "pcoder": "all"}
    constant |= {"sigma": point["noise"]["sigma"], **{name: pcoder[name][0] for name in ("beta", "lambda", "alpha")}}
    constant |= {f"{name}_n": pcoder[name] for name in ("beta", "lambda", "alpha")}
    metrics = generator.random((6, rows), np.float32)
    undefined = generator.random(rows) < (0.02 if generator.random() < 0.2 else 0)
    metrics[:4, undefined] = np.nan
    at = generator.random((2, rows, len(THRESHOLDS)), np.float32)
    at[:, undefined] = np.nan
    names = ("iou", "pointing", "mass", "rank", "target_logit", "target_probability")
    of_image = np.random.default_rng(1)
    area, class_index = of_image.random(images, np.float32), of_image.integers(0, classes, images).astype(np.int32)
    return {
        **{name: [value] * rows for name, value in constant.items()},
        "image_id": np.repeat([f"image_{index:08d}" for index in range(images)], steps),
        "class_index": np.repeat(class_index, steps),
        "area": np.repeat(area, steps),
        "target": np.zeros(rows, np.int32),
        "timestep": np.tile(np.arange(steps, dtype=np.int32), images),
        **dict(zip(names, metrics, strict=True)),
        "iou_at": list(at[0]),
        "found_at": list(at[1]),
        "pixels": np.full(rows, 50176, np.int32),
        "correct": generator.random(rows) < 0.5,
    }


def grid(count: int, timesteps: int) -> Iterator[dict[str, Any]]:
    """Settings of so many points: β × λ, for each of 16 σ, for as many α as it takes."""
    every = product(range(1, 1000), range(1, 17), TENTHS, TENTHS)
    points = ((alpha, sigma, beta, lambda_) for alpha, sigma, beta, lambda_ in every if beta + lambda_ <= 1)
    for alpha, sigma, beta, lambda_ in islice(points, count):
        yield settings(sigma / 10, beta, lambda_, timesteps, alpha / 100)


def generate(folder: Path, count: int, images: int, timesteps: int, classes: int = 50) -> None:
    """Writes the shards of so many points that are not there already."""
    for number, point in enumerate(grid(count, timesteps)):
        if not shards.place(folder / "shards", shards.identity(point)).exists():
            generator = np.random.default_rng(number)
            shards.write(folder / "shards", point, columns(point, images, generator, classes), {})


def main() -> None:
    """Generates, aggregates, reports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--timesteps", type=int, default=10, help="after t = 0")
    parser.add_argument("--classes", type=int, default=50, help="of the images")
    parser.add_argument("--folder", type=Path, help="where the shards are made, and stay")
    sizes = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as temporary:
        root = str(sizes.folder or temporary)
        folder = Path(root) / "generated"
        start = time.perf_counter()
        generate(folder, sizes.shards, sizes.images, sizes.timesteps, sizes.classes)
        log.info("generated in %.0f s", time.perf_counter() - start)
        log.info("%d shards × %d images × %d timesteps", sizes.shards, sizes.images, sizes.timesteps + 1)
        for command in ("aggregate", "report"):
            measured(command, root)
        statistics_alone(sizes.images, sizes.timesteps)
        log.info("report.html %.1f MB", (folder / "report.html").stat().st_size / 1e6)


def statistics_alone(images: int, timesteps: int, cells: int = 40) -> None:
    """Says how long a thousand cells take in memory: bootstrap, ratios, paired differences and tests, on two threads."""
    drawing = Drawing(images)
    for metrics in (1, 8, 20):
        values = paired(np.random.default_rng(0).random((1, metrics, timesteps + 1, images), np.float32))

        def one(_: int, values: PairedValues = values) -> None:
            summarise(values, drawing)
            flipped(values.gain[:, 1:], drawing.signs)

        one(0)
        with ThreadPoolExecutor(2) as pool:
            start = time.perf_counter()
            list(pool.map(one, range(cells)))
        log.info("statistics of %d metrics: %.1f s for 1,000 cells", metrics, 1000 * (time.perf_counter() - start) / cells)


def measured(command: str, root: str) -> None:
    """Runs a command on the generated study, and says how long it took and how much memory the largest so far."""
    start = time.perf_counter()
    words = [sys.executable, "-m", f"pcsweep.{command}", "study=generated", f"output_root={root}"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    log.info("%s in %.1f s, peak memory %.2f GiB", command, time.perf_counter() - start, peak)


if __name__ == "__main__":
    main()
