"""The command `pcsweep.train`, run and stopped, and what it leaves."""

import json
import time

from commands import PIPE, run, start
from safetensors import safe_open
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def train(*words, folder, **options):
    return run(*words, module="pcsweep.train", folder=folder, **options)


def stopped_later(folder, number, words, steps=1):
    """Starts the command and sends it a signal once so many more checkpoints are there; its exit code and messages."""
    process = start(*words, module="pcsweep.train", folder=folder, stderr=PIPE)
    deadline, path, seen = time.monotonic() + 120, folder / "w.safetensors.checkpoint", set()
    before = path.stat().st_mtime_ns if path.exists() else None
    while len(seen - {before}) < steps:
        assert process.poll() is None
        assert time.monotonic() < deadline
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.001)
    process.send_signal(number)
    _, said = process.communicate()
    return process.returncode, said


def recorded(folder, name):
    """What TensorBoard would show: (step, number) of every step of one name."""
    events = EventAccumulator(str(folder / "tensorboard/w")).Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def metadata(path):
    with safe_open(path, "pt") as file:
        return {name: json.loads(text) for name, text in file.metadata().items()}
