"""Packs of a timeline, and the row of each worker."""

import json

import pytest
from toy_costs import SPENT, START, cost, of_pack
from toy_study import settings

from pcsweep.report.packs import cost_of, lane_of_failure, lanes, packs
from pcsweep.study.failures import Failure
from pcsweep.study.spent import KEY, text_of

TEXTS = {"settings": json.dumps(settings(0.1, 0.1)), "host": "node1", "device": "cpu", "job": "", KEY: text_of(SPENT)}


def test_a_shard_says_what_it_cost() -> None:
    assert cost_of(TEXTS) == [cost()]
    assert cost_of({key: text for key, text in TEXTS.items() if key not in ("host", "device", "job")}) == [cost(host="?")]


@pytest.mark.parametrize("changed", [{KEY: ""}, {KEY: "{}"}, {"settings": "["}, {"settings": "[]"}])
def test_a_shard_that_cannot_be_understood_says_nothing(changed: dict[str, str]) -> None:
    assert cost_of({**TEXTS, **changed}) == []


def test_points_could_share_a_pack_if_coefficients_and_pcoders_alone_differ() -> None:
    like = cost(beta=0.1).alike
    assert cost(beta=0.7).alike == cost(pcoder__active=[1]).alike == like
    others = [cost(noise__sigma=0.7), cost(timesteps=4), cost(pcoder__scaled=True), cost(pcoder__rule="adaptation")]
    assert len({like, *(each.alike for each in others), cost(device="H100").alike}) == 6


def test_shards_of_one_process_and_beginning_are_a_pack() -> None:
    first, second = of_pack(2), of_pack(2, 100)
    (a, b, c) = packs([cost(second), cost(first, 0.1), cost(first, 0.2), cost(of_pack(2, 0, process=8))])[:3]
    assert sorted(map(len, (a.shards, b.shards, c.shards))) == [1, 1, 2]
    assert (a.start, c.start) == (START, second.started)
    pair = next(each for each in (a, b) if len(each.shards) == 2)
    assert pair.seconds["dynamics"] == 120
    assert pair.worker == ("node1", "7")
    assert packs([cost(of_pack(1, task="12_3"))])[0].worker == ("node1", "12_3")


def test_workers_that_do_not_overlap_share_a_row_of_their_machine() -> None:
    own = [of_pack(1, 0, task="1"), of_pack(1, 40, task="2"), of_pack(1, 80, task="3"), of_pack(1, 121, task="4")]
    found = lanes(packs([*map(cost, own), cost(of_pack(1, 10, task="5"), host="node2")]))
    assert found == {
        ("node1", "1"): "node1 #1",
        ("node1", "3"): "node1 #1",
        ("node1", "2"): "node1 #2",
        ("node1", "4"): "node1 #2",
        ("node2", "5"): "node2",
    }
    assert list(found.values()) == sorted(found.values())


def test_a_worker_keeps_its_row_between_its_packs() -> None:
    found = lanes(packs([cost(of_pack(1, 0)), cost(of_pack(1, 200)), cost(of_pack(1, 100, 10, process=8))]))
    assert found == {("node1", "7"): "node1 #1", ("node1", "8"): "node1 #2"}


def test_a_failure_is_in_the_row_of_its_job_or_of_its_machine() -> None:
    computed = packs([cost(of_pack(1, task="12_1", process=8), job="13"), cost(of_pack(1, task="12_0"), job="12")])
    rows = lanes(computed)
    assert lane_of_failure(Failure("", "", job="12", host="node1"), computed, rows) == rows["node1", "12_0"]
    assert lane_of_failure(Failure("", "", job="13", host="node2"), computed, rows) == "node2"
    assert lane_of_failure(Failure("", "", job="", host=""), computed, rows) == "?"
