"""Parallel work: results in order, every error told, none of the work started after a stop."""

import time

import pytest

from pcsweep.machine.threads import cpus, gathered, listed


def test_results_come_in_order():
    def slower_first(number):
        time.sleep(0.01 * (5 - number))
        return number**2

    assert list(gathered(slower_first, range(5), "squares")) == [0, 1, 4, 9, 16]
    assert cpus() >= 1


def test_errors_wait_for_the_last_result_and_are_all_told():
    def odd(number):
        if number % 2 == 0:
            raise (ValueError if number % 4 else OSError)(f"{number} is even")
        return number

    results = []
    with pytest.raises(ValueError, match=r"^3 of 6 images cannot be used:\n  0 is even\n  2 is even\n  4 is even$"):
        results.extend(gathered(odd, range(6), "odd"))
    assert list(zip(range(3), gathered(odd, [1, 3, 5], "odd"), strict=True)) == [(0, 1), (1, 3), (2, 5)]


def test_other_errors_are_not_caught():
    with pytest.raises(ZeroDivisionError):
        list(gathered(lambda number: 1 // number, [0], "inverse"))


def test_stopping_early_starts_no_more(monkeypatch):
    monkeypatch.setattr("pcsweep.machine.threads.cpus", lambda: 1)
    started = []

    def slow(number):
        started.append(number)
        time.sleep(0.01)
        return number

    results = gathered(slow, range(1000), "slow")
    assert next(results) == 0
    results.close()
    assert len(started) < 100


def test_ten_names_at_most():
    assert listed(list("abc")) == "a, b, c"
    assert listed(list("abcdefghijkl")) == "a, b, c, d, e, f, g, h, i, j, and 2 more"
