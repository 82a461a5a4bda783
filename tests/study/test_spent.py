"""What a point took is read back, and what is no such text says nothing."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from pcsweep.study.spent import KEY, PHASES, Spent, Sum, spent_of, text_of

START = datetime(2026, 3, 1, 12, 0, 0, 250000, UTC)
SPENT = Spent(
    started=START,
    ended=START + timedelta(seconds=40),
    points=4,
    rows=64,
    batch_size="auto",
    seconds={"dynamics": 6.0, "decoding": 3.0, "other": 1.0},
    cores=4,
    threads=2,
    process=7,
    memory=2**30,
    memory_before=2**20,
    memory_limit=2**34,
)


def test_what_was_written_is_read() -> None:
    for each in (SPENT, replace(SPENT, task="12_3", memory_asked=2**34, gpu_memory=2**20, gpu_limit=2**36, memory_whole=True)):
        assert spent_of({KEY: text_of(each)}) == each
    assert json.loads(text_of(SPENT))["started"] == "2026-03-01T12:00:00.250000Z"
    east = replace(SPENT, started=START.astimezone(timezone(timedelta(hours=9))))
    assert spent_of({KEY: text_of(east)}) == SPENT


def test_what_a_later_version_adds_is_passed_over() -> None:
    assert spent_of({KEY: json.dumps({**json.loads(text_of(SPENT)), "energy": 3})}) == SPENT


@pytest.mark.parametrize(
    "changed",
    [
        {"points": 0}, {"points": "x"}, {"points": None}, {"rows": -1}, {"started": "2026-03-01T12:00:00"}, {"started": "now"},
        {"ended": "2026-03-01T11:59:59Z"}, {"seconds": {"dynamics": -1}}, {"seconds": {"dynamics": "NaN"}}, {"seconds": [1]},
        {"seconds": {"dynamics": 1e300}}, {"memory": -1}, {"memory": 2**80}, {"task": "x" * 1000}, {"batch_size": None},
        {"seconds": {"x" * 300: 1}},
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_read(changed: dict[str, object]) -> None:
    assert spent_of({KEY: json.dumps({**json.loads(text_of(SPENT)), **changed})}) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", "{}", "[" * 100_000, '{"seconds": NaN}', "\ud800"])
def test_what_is_no_such_text_says_nothing(text: str) -> None:
    assert spent_of({KEY: text}) is None
    assert spent_of({}) is None


def test_cores_are_charged_on_slurm_and_threads_elsewhere() -> None:
    assert SPENT.total == 10
    assert SPENT.core_seconds == 20
    assert replace(SPENT, task="12").core_seconds == 40


def test_a_sum_is_of_all_points() -> None:
    found = Sum()
    assert (found.shares, found.first) == ({}, None)
    later = replace(SPENT, started=START + timedelta(hours=1), ended=START + timedelta(hours=2), memory_before=2**31)
    for each in (SPENT, replace(later, seconds={"dynamics": 9.0, "resting": 1.0}, task="1", memory_asked=2**34)):
        found.add(each)
    assert found.shards == 2
    assert found.core_hours == pytest.approx((20 + 40) / 3600)
    assert found.seconds == {**dict.fromkeys(PHASES, 0.0), "dynamics": 15, "decoding": 3, "other": 2}
    assert found.shares["dynamics"] == 0.75
    assert (found.memory, found.asked, found.gpu_hours) == (2**31, 2**34, 0)
    assert (found.first, found.last) == (START, START + timedelta(hours=2))
    found.add(replace(SPENT, gpu_memory=1, gpu_limit=2, memory_asked=2**33))
    assert found.gpu_hours == pytest.approx(10 / 3600)
    assert found.core_hours == pytest.approx((20 + 40) / 3600)
    assert found.asked == 2**33
