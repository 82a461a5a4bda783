"""Timesteps that are recorded once and replayed, which a GPU does at once where the host would launch its kernels one by one.

A recording is bound to places in memory and to numbers: to replay it, all that a step reads and writes has to lie where it lay,
and the coefficients have to be the same. `Replays` has both: memory that outlives a run, and what was recorded on it.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from pcsweep.network.convolution.workspace import Workspace

_MOST = 64  # recordings that are kept
_log = logging.getLogger(__name__)

Step = Callable[[], object]


@runtime_checkable
class Recorder(Protocol):
    """Records what a step has a device do."""

    def record(self, step: Step) -> Step:
        """What does the same again, in the same places. The step's own operations are noted, and not computed.

        Raises:
            RuntimeError: it cannot be recorded, as a step that waits for the device, or for want of memory.
        """
        ...


class CudaGraphs:
    """CUDA's recorder. All recordings of one share memory for what lies within a step: no two are replayed at a time.

    Args:
        device: on which steps compute.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None
        self._stream: Any = None

    def record(self, step: Step) -> Step:
        with torch.cuda.device(self._device):  # another one's stream would record nothing
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            self._stream = self._stream or torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
            return self._recorded(step, torch.cuda.CUDAGraph())

    def _recorded(self, step: Step, recorded: Any) -> Step:
        stream, cached = torch.cuda.current_stream(), torch.is_autocast_cache_enabled()
        # Another thread prepares images meanwhile, which is no part of the step.
        capture = torch.cuda.graph(recorded, pool=self._pool, stream=self._stream, capture_error_mode="thread_local")
        torch.set_autocast_cache_enabled(False)  # what it holds is gone when the recording is replayed
        try:
            with capture:
                step()
        except BaseException:
            torch.cuda.set_stream(stream)  # a recording that fails leaves its own
            raise
        finally:
            torch.set_autocast_cache_enabled(cached)
        return recorded.replay  # type: ignore[no-any-return]


class Graphs:
    """Steps by what decides them: each is computed as it is the first time, recorded the second, and replayed from then on.

    Where one cannot be recorded, that is logged once, and from then on each is computed as it is.

    Args:
        recorder: None where nothing is recorded.
    """

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder
        self._known: OrderedDict[Hashable, Step | None] = OrderedDict()  # None: computed once
        self._places: Hashable = None

    @property
    def records(self) -> bool:
        """Whether steps have to keep to their places in memory."""
        return self._recorder is not None

    def run(self, key: Hashable, places: Callable[[], Hashable], step: Step) -> None:
        """Computes a step.

        Args:
            key: the same for steps that do the same in the same places.
            places: changes where the memory that steps use has moved, so that no recording is of use.
            step: what it does.
        """
        if self._recorder is None:
            step()
            return
        if places() != self._places:
            self._known.clear()
        if key in self._known:
            self._known.move_to_end(key)
            self._replayed(key, step)
        else:
            step()
            self._known[key] = None
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
        self._places = places()

    def _replayed(self, key: Hashable, step: Step) -> None:
        recorded = self._known[key] or self._recorded(key, step)
        if recorded is None:
            step()
        else:
            recorded()

    def _recorded(self, key: Hashable, step: Step) -> Step | None:
        assert self._recorder is not None  # as `run` has asked
        try:
            self._known[key] = self._recorder.record(step)
        except RuntimeError as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            _log.warning("Timesteps are not replayed as CUDA graphs, but launched operation by operation: %s", why)
            self._recorder = None
            self._known.clear()
            return None
        return self._known[key]


class Replays:
    """What one network keeps from run to run: memory for states, and the steps recorded on it.

    Args:
        recorder: None where nothing is recorded, and nothing kept.
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._kept = self._fresh()
        self._lent = False

    def _fresh(self) -> tuple[Workspace, Graphs]:
        return Workspace(), Graphs(self._recorder)

    @contextmanager
    def lent(self) -> Iterator[tuple[Workspace, Graphs]]:
        """The memory and the recordings, for one run at a time; another one meanwhile has its own, and records nothing."""
        if self._recorder is None or self._lent:
            yield Workspace(), Graphs(None)
            return
        self._lent = True
        try:
            yield self._kept
        except BaseException:  # it may be for want of this memory, and what is tried next needs less
            self._kept = self._fresh()
            raise
        finally:
            self._lent = False


def kept(tensor: Tensor, name: str, memory: Workspace) -> Tensor:
    """A copy in a place that stays."""
    return memory.take_maps(name, tensor.shape, tensor).copy_(tensor)


def replays_on(device: torch.device) -> Replays:
    """By CUDA graphs on a GPU, none elsewhere."""
    return Replays(CudaGraphs(device) if device.type == "cuda" else None)
