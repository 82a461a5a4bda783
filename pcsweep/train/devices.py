"""Several devices and machines: which processes there are, and who starts them.

On one machine the command starts one further process for each further device. On several, `srun` or `torchrun` starts one process
for each device, all with the same command.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from pcsweep.config.errors import BadSetting
from pcsweep.machine.device import device_of
from pcsweep.machine.threads import cpus
from pcsweep.train.recipe import TrainingOptions

if TYPE_CHECKING:
    from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment

_OURS = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK", "LOCAL_RANK")
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


def check_devices(options: TrainingOptions) -> None:
    """Refuses more devices than there are, several machines that nobody has started, and processes that have no device.

    Raises:
        BadSetting: says how it is done.
    """
    by, started = ("torchrun", _world()) if _by_torchrun() else ("srun", _tasks())
    if started not in (1, options.processes):
        raise BadSetting(
            f"Expected `devices` × `nodes` to be {started}, the processes that {by} has started, but got {options.devices} × "
            f"{options.nodes}."
        )
    if options.devices > 1 and device_of(options.device).type == "cuda":
        if ":" in options.device:
            raise BadSetting(f"Expected `device` to be cuda with `devices={options.devices}`, but got {options.device!r}.")
        if (there := torch.cuda.device_count()) < options.devices:
            raise BadSetting(f"Expected `devices` to be at most {there}, this machine's CUDA devices, but got {options.devices}.")
    if options.nodes > 1 and not _started_by_others(options):
        raise BadSetting(
            f"Expected `nodes={options.nodes}` under srun or torchrun, which start one process for each of the {options.devices} "
            f"devices of each node (srun --nodes={options.nodes} --ntasks-per-node={options.devices} …), but they have not."
        )


def environment(options: TrainingOptions) -> "ClusterEnvironment":
    """Who has started the processes; a single process joins no others, even inside a Slurm job."""
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment  # late: Lightning takes seconds to import
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    from pcsweep.train.slurm import SlurmStep

    if options.processes > 1 and _started_by_others(options):
        return TorchElasticEnvironment() if _by_torchrun() else SlurmStep()
    return LightningEnvironment()


def is_first() -> bool:
    """Whether this process speaks and writes for all."""
    if _by_torchrun():
        return os.environ.get("RANK") == "0"
    if _tasks() > 1:
        return os.environ.get("SLURM_PROCID", "0") == "0"
    return os.environ.get("LOCAL_RANK", "0") == "0"


def sharing(options: TrainingOptions) -> int:
    """Processes that share the CPUs that this one may use: those of the machine, unless Slurm has bound each task to its own."""
    own = int(os.environ.get("SLURM_CPUS_PER_TASK", "0"))
    return 1 if _tasks() > 1 and cpus() <= own else options.devices


def _started_by_others(options: TrainingOptions) -> bool:
    return (_world() if _by_torchrun() else _tasks()) == options.processes > 1


def _by_torchrun() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()


def _world() -> int:
    """Processes that torchrun has started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def _tasks() -> int:
    """Of the step of Slurm that this process is one of; the script of a job is no step."""
    return int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) if "SLURM_PROCID" in os.environ else 1


@contextmanager
def companions(plain: Mapping[str, Any], options: TrainingOptions) -> Iterator[None]:
    """Starts the processes of the further devices of this machine, where nobody else does, and ends with them."""
    if options.processes == 1 or _started_by_others(options) or not is_first():
        yield
        return
    before = {name: os.environ.get(name) for name in _OURS}
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    ours = ("127.0.0.1", str(port), str(options.devices), "0", "0")
    os.environ.update(zip(_OURS, ours, strict=True))
    started = [_started(plain, rank) for rank in range(1, options.devices)]
    over = threading.Event()
    threading.Thread(target=_watch, args=(started, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()
        _leave_group()
        _end(started)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _started(plain: Mapping[str, Any], rank: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pcsweep.train.companion"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, env=os.environ | {"LOCAL_RANK": str(rank)})
    assert process.stdin is not None
    process.stdin.write(json.dumps(plain).encode())
    process.stdin.close()
    return process


def _watch(started: list[subprocess.Popen[bytes]], over: threading.Event) -> None:
    """Ends this process where another has failed: it would wait for it forever."""
    while not over.wait(_LOOK_SECONDS):
        for rank, process in enumerate(started, start=1):
            if process.poll():
                _log.error(
                    "The process of device %d has ended with code %d; the last checkpoint is kept.", rank, process.returncode
                )
                for other in started:
                    other.kill()
                os._exit(1)


def _end(started: list[subprocess.Popen[bytes]], patience: float = 20.0) -> None:
    until = time.monotonic() + patience
    for process in started:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _leave_group() -> None:
    """So that the next training of this process can make one of its own."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def end_with(parent: int) -> None:
    """Ends this process once its parent has gone, however that ended."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
