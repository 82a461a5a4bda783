"""Ctrl-C in a command that has begun."""

import importlib
import signal
import sys
import time

import pytest

from pcsweep.console.interruption import CtrlC


@pytest.fixture
def answering():
    """Ctrl-C is answered as in a command that has begun."""
    before = signal.signal(signal.SIGINT, CtrlC("interrupted", begun=True))
    yield
    signal.signal(signal.SIGINT, before)


SLOW = """
import signal, time
signal.raise_signal(signal.SIGINT)
time.sleep(0.2)
whole = 1
"""


def imported(name):
    """The module, after a while."""
    module = importlib.import_module(name)
    time.sleep(10)
    return module


def test_an_import_ends_first_and_what_is_held_is_given_back(answering, tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        imported("slow_to_import")
    assert sys.modules.pop("slow_to_import").whole == 1


def test_elsewhere_it_is_a_keyboard_interrupt_at_once(answering):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


class Cleared:
    """Ctrl-C comes while it goes."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def gone():
    """After a while."""
    Cleared()
    time.sleep(10)


def test_an_object_that_goes_does_not_swallow_it(answering):
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        gone()
    assert time.monotonic() - began < 5
