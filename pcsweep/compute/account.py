"""What a pack of grid points costs: told when its shards are written."""

import os
from datetime import UTC, datetime

import torch

from pcsweep.grid.point import GridPoint
from pcsweep.machine import memory, provenance
from pcsweep.machine.device import device_of
from pcsweep.machine.stopwatch import Stopwatch
from pcsweep.machine.threads import cpus
from pcsweep.study.spent import Spent

_DIGITS = 4  # of seconds


class Account:
    """From when it is made until it is asked.

    Args:
        device: the setting.
        points: of the pack.
    """

    def __init__(self, device: str, points: int) -> None:
        self.watch = Stopwatch()
        self._device, self._points = device_of(device), points
        self._started = datetime.now(UTC)
        self._before = memory.peak()
        self._forgotten = memory.forget_peak()
        if self._device.type == "cuda":
            torch.cuda.init()  # type: ignore[no-untyped-call]  # without which there are no statistics to begin anew
            torch.cuda.reset_peak_memory_stats(self._device)

    def spent(self, point: GridPoint, rows: int, written: int) -> Spent:
        """Until now, by one of the points.

        Args:
            point: any of the pack.
            rows: images times points that were computed at once.
            written: how many of the pack's shards have been.
        """
        seconds = self.watch.seconds()
        writing = seconds.pop("writing", 0.0)
        shared = {phase: round(value / self._points, _DIGITS) for phase, value in seconds.items()}
        on_gpu = self._device.type == "cuda"
        return Spent(
            started=self._started,
            ended=datetime.now(UTC),
            points=self._points,
            rows=rows,
            batch_size=point.settings.batch_size,
            seconds=shared | ({"writing": round(writing / written, _DIGITS)} if written else {}),
            cores=cpus(),
            threads=torch.get_num_threads(),
            process=os.getpid(),
            memory=memory.peak(),
            memory_before=self._before,
            memory_limit=memory.limit(),
            task=provenance.task(),
            memory_whole=not self._forgotten,
            memory_asked=memory.asked(),
            gpu_memory=torch.cuda.max_memory_allocated(self._device) if on_gpu else None,
            gpu_limit=torch.cuda.get_device_properties(self._device).total_memory if on_gpu else None,
            cached=point.cache is not None,
        )
