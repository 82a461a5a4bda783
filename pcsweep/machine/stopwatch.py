"""Where the time of a computation goes: seconds by phase, which sum up to the whole."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

OTHER = "other"
Item = TypeVar("Item")


@runtime_checkable
class Mark(Protocol):
    """A place in the work of a device."""

    def elapsed_time(self, end: Any, /) -> float:
        """Milliseconds from here to a later one; both have been reached."""
        ...

    def synchronize(self) -> None:
        """Waits until it has been reached."""
        ...


class Stopwatch:
    """Every moment belongs to one phase: that which was begun last and has not ended; to `other` while there is none.

    So a phase within another takes its time from that one. A change of phase costs two looks at the clock, and never waits.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._phase, self._since = OTHER, clock()
        self._seconds: dict[str, float] = {}
        self._marks: list[tuple[str, Mark]] | None = None  # where phases begin on a device, while it is asked
        self._mark: Callable[[], Mark] | None = None

    def seconds(self) -> dict[str, float]:
        """Until now, by phase."""
        self._turn_to(self._phase)
        return dict(self._seconds)

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """A phase."""
        before = self._phase
        self._turn_to(phase)
        try:
            yield
        finally:
            self._turn_to(before)

    def over(self, phase: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items; the phase is the time until each is there, and not what is done with it."""
        coming = iter(items)
        while True:
            with self.during(phase):
                try:
                    item = next(coming)
                except StopIteration:
                    return
            yield item

    @contextmanager
    def on(self, device: torch.device) -> Iterator[None]:
        """Around work on a device, which has to be done when this ends: on a GPU its own clock says how long each phase took.

        There the host only orders work and runs ahead, so its clock would say when it waits, and not for what.
        """
        if device.type != "cuda":
            yield
            return
        with self.asking(lambda: _recorded(device)):
            yield

    @contextmanager
    def asking(self, mark: Callable[[], Mark]) -> Iterator[None]:
        """Meanwhile phases take what lies between marks; what the host took beyond that goes to the phase it was in before."""
        self._turn_to(self._phase)
        begun, before = self._since, dict(self._seconds)
        self._mark, self._marks = mark, [(self._phase, mark())]
        try:
            yield
            last = mark()
            last.synchronize()  # at once, since the work is done
            marks = [*self._marks, (self._phase, last)]
            self._turn_to(self._phase)
            self._seconds = before
            passed = [(phase, start.elapsed_time(end) / 1000) for (phase, start), (_, end) in pairwise(marks)]
            for phase, seconds in passed:
                self._add(phase, seconds)
            self._add(self._phase, max(0.0, self._since - begun - sum(seconds for _, seconds in passed)))
        finally:
            self._mark = self._marks = None

    def _turn_to(self, phase: str) -> None:
        now = self._clock()
        self._add(self._phase, now - self._since)
        self._phase, self._since = phase, now
        if self._mark is not None and self._marks is not None:
            self._marks.append((phase, self._mark()))

    def _add(self, phase: str, seconds: float) -> None:
        self._seconds[phase] = self._seconds.get(phase, 0.0) + seconds


def _recorded(device: torch.device) -> Mark:
    event: Mark = torch.cuda.current_stream(device).record_event(torch.cuda.Event(enable_timing=True))  # type: ignore[no-untyped-call]
    return event
