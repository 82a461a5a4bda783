"""Memory and speed of the stream of images that training reads, beside the decoder alone.

    python benchmarks/decoding.py [images] [folder]

Makes a tree of small JPEGs in class folders (100,000 by default, and one of a tenth), streams each whole through the loader of
pcsweep.train, and says the peak of resident memory of the main process and of its workers, and images per second; then the same
decoder in a loop, without loader. The trees are deleted afterwards.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from pcsweep.dataset.read import imagenet

SIDE, CROP, BATCH, LOOPED = 96, 64, 64, 3000
WORKERS = 2


def make(folder: Path, count: int) -> None:
    """A tree of `count` files of 4 KB or so, of a hundred different pictures."""
    random = np.random.default_rng(0)
    contents = []
    for _ in range(100):
        small = random.integers(0, 256, (12, 16, 3), dtype=np.uint8)
        noisy = np.asarray(Image.fromarray(small).resize((128, SIDE), Image.Resampling.BICUBIC)).astype(int)
        noisy = np.clip(noisy + random.normal(0, 8, noisy.shape), 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(noisy).save(file, "JPEG", quality=85)
        contents.append(file.getvalue())
    wnids = imagenet.wnids()[:1000]
    for number in range(count):
        place = folder / "train" / wnids[number % len(wnids)]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{place.name}_{number}.JPEG").write_bytes(contents[number % 100])


def peak_mb(pid: str = "self") -> float:
    """The most resident memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def stream(folder: Path) -> None:
    """Streams the tree, in a process of its own, and prints what that took."""
    import torch

    from pcsweep.dataset.imagenet_folder import ImageNetFolder
    from pcsweep.train.images import Changes, Stream, loader
    from pcsweep.train.order import Order, Steps

    torch.set_num_threads(1)
    before = peak_mb()
    began = time.perf_counter()
    images = ImageNetFolder(root=folder, resize=CROP, crop=CROP, interpolation="bilinear")
    labels = len(images.class_indices)
    listed, listing = peak_mb(), time.perf_counter() - began
    order = Order(labels, BATCH, drop_last=False)
    batches = loader(Stream(images, range(labels), Changes()), Steps(order, 0, 0, 0), WORKERS)
    began, seen, workers = time.perf_counter(), 0, 0.0
    for number, batch in enumerate(batches):
        assert not batch.problem
        seen += len(batch.images)
        if number % 100 == 99:
            workers = max([workers, *(peak_mb(str(child)) for child in _children())])
    took = time.perf_counter() - began
    looped = min(LOOPED, labels)
    began = time.perf_counter()
    for index in range(looped):
        images.framed(images.picture(index))
    alone = looped / (time.perf_counter() - began)
    found = {"images": seen, "listing_s": listing, "before": before, "listed": listed, "peak": peak_mb(), "workers": workers}
    sys.stdout.write(json.dumps({**found, "rate": seen / took, "alone": alone}))


def _children() -> list[int]:
    return [int(pid) for pid in Path("/proc/self/task").glob("*/children") for pid in pid.read_text().split()]


def main(count: int, folder: Path) -> None:
    """Both trees, one line each."""
    write = sys.stdout.write
    write(
        "images; listed in; main process before, once listed, at its peak; largest worker; images/s; decoder alone, one process\n"
    )
    for size in (count // 10, count):
        place = folder / str(size)
        try:
            make(place, size)
            command = [sys.executable, __file__, "--stream", str(place)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            memory = [f"{found[name]:.0f}" for name in ("before", "listed", "peak", "workers")]
            rates = f"{found['rate']:.0f}; {found['alone']:.0f}"
            write(f"{found['images']}; {found['listing_s']:.1f} s; {', '.join(memory)} MB; {rates}\n")
        finally:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stream"]:
        stream(Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, Path(sys.argv[2] if len(sys.argv) > 2 else temporary))
