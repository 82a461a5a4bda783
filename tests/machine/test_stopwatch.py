"""Every moment belongs to one phase, on the host's clock or a device's."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch

from pcsweep.machine.stopwatch import Stopwatch


class Clock:
    """Goes forward when it is told to; its device does what it is given later, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self.device = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class At:
    """A mark at a time of the device, in seconds."""

    when: float

    def elapsed_time(self, end: "At") -> float:
        return 1000 * (end.when - self.when)

    def synchronize(self) -> None:
        return


def failing(clock: Clock) -> None:
    clock.now += 2
    raise ValueError("no")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_phase_within_another_takes_its_time_from_it(clock: Clock) -> None:
    watch = Stopwatch(clock)
    clock.now += 1
    with watch.during("a"):
        clock.now += 2
        with watch.during("b"):
            clock.now += 4
        clock.now += 8
    clock.now += 16
    assert watch.seconds() == {"other": 17, "a": 10, "b": 4}
    clock.now += 32
    assert watch.seconds() == {"other": 49, "a": 10, "b": 4}


def test_a_phase_ends_with_an_error(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with pytest.raises(ValueError, match="no"), watch.during("a"):
        failing(clock)
    clock.now += 4
    assert watch.seconds() == {"a": 2, "other": 4}


def test_of_items_only_the_waiting_counts(clock: Clock) -> None:
    def made() -> Iterator[int]:
        for number in range(3):
            clock.now += 1
            yield number
        clock.now += 1

    watch, got = Stopwatch(clock), []
    for item in watch.over("a", made()):
        clock.now += 10
        got.append(item)
    assert got == [0, 1, 2]
    assert watch.seconds() == {"a": 4, "other": 30}


def test_a_device_that_runs_behind_is_asked_itself(clock: Clock) -> None:
    watch = Stopwatch(clock)
    clock.now, clock.device = 5.0, 5.5
    with watch.during("b"):
        clock.now += 1  # before the device is asked
    with watch.asking(lambda: At(clock.device)):
        for _ in range(2):
            with watch.during("a"):
                clock.now += 0.01
                clock.device += 3
            with watch.during("b"):
                clock.now += 0.01
                clock.device += 1
        clock.now += 8.5  # it waits for the device
    assert watch.seconds() == pytest.approx({"other": 5.54, "a": 6, "b": 3})
    assert sum(watch.seconds().values()) == pytest.approx(clock.now)
    with watch.during("a"):
        clock.now += 1
    assert watch.seconds()["a"] == pytest.approx(7)


def test_an_error_of_the_device_leaves_the_hosts_clock(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with pytest.raises(ValueError, match="no"), watch.asking(lambda: At(clock.device)), watch.during("a"):
        failing(clock)
    clock.now += 1
    assert watch.seconds() == {"a": 2, "other": 1}


def test_on_a_cpu_nothing_else_is_asked(clock: Clock) -> None:
    watch = Stopwatch(clock)
    with watch.on(torch.device("cpu")), watch.during("a"):
        clock.now += 2
    assert watch.seconds() == {"other": 0, "a": 2}
