"""Points that are computed while the command lives: what is claimed is given back, whatever ends it."""

import pytest

from pcsweep.sweep import at_once
from pcsweep.sweep.executor.local import Computed, Local
from pcsweep.sweep.executor.protocol import Order


class Claiming(Local):
    """An executor that gives two packs, and notes when it is told that nobody takes more."""

    def __init__(self):
        self.closed = False

    def submit(self, order):
        try:
            yield [Computed("0", None), Computed("1", None)]
            yield [Computed("2", None)]
        finally:
            self.closed = True


def test_the_points_that_are_given_back_are_counted():
    executor = Claiming()
    assert at_once._computed(Order([], {}), 3, executor) == {"0", "1", "2"}
    assert executor.closed


def test_an_interruption_between_two_packs_ends_the_executor_at_once(monkeypatch):
    class Bar:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def __call__(self, count):
            raise KeyboardInterrupt

    executor = Claiming()
    monkeypatch.setattr(at_once, "progress", lambda *_: Bar())
    with pytest.raises(KeyboardInterrupt) as ended:  # which holds the frames, as a traceback does
        at_once._computed(Order([], {}), 3, executor)
    assert executor.closed
    assert ended.tb is not None
