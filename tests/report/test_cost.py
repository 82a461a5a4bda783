"""What the page says of a study's cost, and draws, in a browser too."""

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from toy_costs import BETAS, GIB, SPENT, START, cost, of_pack, put_packs
from toy_study import put, settings

from pcsweep.report import cost as module
from pcsweep.report.contents import Contents
from pcsweep.report.cost import Cost, sittings
from pcsweep.report.cost import cost as cost_of_study
from pcsweep.study import failures
from pcsweep.study.failures import Failure
from pcsweep.study.spent import PHASES

LANES = """(id) => document.getElementById(id).data.map((each) => [each.name, each.y, each.base ?? each.x, each.hovertext])"""


def found(*args: Any, **options: Any) -> Cost:
    made = cost_of_study(*args, **options)
    assert made
    return made


def test_nothing_is_said_of_shards_that_say_nothing(tmp_path: Path, gather: Callable[..., Contents]) -> None:
    assert cost_of_study([], 3) is None
    put(tmp_path / "s", settings(0.1, 0.1))
    put(tmp_path / "s", settings(0.2, 0.1), {"spent": '{"points": "many"}'})
    contents = gather(tmp_path / "s")
    assert contents.cost is None
    assert contents.drawn["cost"] is None


def test_the_sum_in_words() -> None:
    pairs = [cost(of_pack(2, 0), beta) for beta in (0.1, 0.2)]
    told = found([*pairs, cost(of_pack(1, 60, 60, process=8), 0.3, host="node2")], 5).told
    assert told == [
        "8 core-minutes: 3 points in 2 packs of 1 to 2, by 2 workers on 2 machines.",
        "From 2026-03-01 12:00 to 2026-03-01 12:02 UTC: 2.0 minutes.",
        "A process had at most 2 GiB in memory.",
        "2 shards of an earlier version say nothing of this.",
    ]


def test_gpus_and_what_was_asked_for_in_words() -> None:
    on_gpu = of_pack(1, seconds={"dynamics": 9000.0}, gpu_memory=3 * GIB, gpu_limit=80 * GIB, memory_asked=16 * GIB, task="7")
    assert found([cost(on_gpu)], 1).told[::2] == [
        "2.5 GPU-hours: 1 point in 1 pack of 1, by 1 worker on 1 machine.",
        "A process had at most 2 GiB in memory, of 16 GiB asked for, and 3 GiB on the GPU, which has 80 GiB.",
    ]
    assert (
        found([cost(on_gpu), cost(of_pack(1, 5, process=9, seconds={"dynamics": 7200.0}), 0.2)], 2)
        .told[0]
        .startswith("4 core-hours and 2.5 GPU-hours: 2 points")
    )


def test_hours_without_work_divide_sittings() -> None:
    hours = [timedelta(hours=number) for number in range(9)]
    spans = [(START + hours[3], START + hours[4]), (START, START + hours[1]), (START + hours[2], START + hours[2])]
    assert sittings(spans) == [(START, START + hours[4])]
    later = START + hours[5] + timedelta(seconds=1)
    assert sittings([*spans, (later, later)]) == [(START, START + hours[4]), (later, later)]
    assert "in 2 sittings with more than an hour between" in found([cost(of_pack(1)), cost(of_pack(1, 3681))], 2).told[1]
    assert "sittings" not in found([cost(of_pack(1)), cost(of_pack(1, 3680))], 2).told[1]


def test_every_pack_is_a_bar_and_its_numbers_are_the_packs() -> None:
    pairs = [cost(of_pack(2, 0, memory_asked=16 * GIB), beta) for beta in (0.1, 0.2)]
    other = cost(of_pack(1, 60, gpu_memory=GIB, process=8), 0.3, host="=node2", device="H100")
    first, second = found([*pairs, other], 3).drawn["bars"]
    assert (first["points"], first["lane"]) == (2, "node1")
    assert (first["memory"], first["asked"], first["gpu"]) == (2 * GIB, 16 * GIB, None)
    assert (first["from"], first["to"]) == ("2026-03-01T12:00:00+00:00", "2026-03-01T12:01:20+00:00")
    assert dict(zip(PHASES, first["seconds"], strict=True))["dynamics"] == 120
    assert (second["lane"], second["host"], second["gpu"]) == ("=node2", "'=node2", GIB)  # no formula for a spreadsheet


def test_a_phase_of_a_later_version_is_other() -> None:
    (device,) = found([cost(replace(SPENT, seconds={"resting": 5.0, "other": 1.0}))], 1).drawn["devices"]
    assert device["seconds"] == [0.0] * (len(PHASES) - 1) + [6.0]


def test_of_very_many_packs_some_share_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BARS", 3)
    costs = [cost(of_pack(1, 100 * place), beta) for place, beta in enumerate(BETAS)]
    bars = found(costs, 8).drawn["bars"]
    assert [bar["packs"] for bar in bars] == [3, 3, 2]
    assert sum(bar["points"] for bar in bars) == 8
    assert bars[0]["to"] == "2026-03-01T12:04:40+00:00"


def test_failures_without_a_time_are_not_drawn() -> None:
    when = START.timestamp()
    failed = [Failure("a", "no", when=when, host="node1"), Failure("b", "no"), Failure("c", "no", when=1e300, host="node9")]
    drawn = found([cost()], 1, failed).drawn
    assert [(mark["label"], mark["lane"], mark["when"]) for mark in drawn["failed"]] == [("a", "node1", START.isoformat())]
    assert drawn["lanes"] == ["node1"]


def test_the_section_in_a_browser(tmp_path: Path, publish: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "s"
    asked = {"memory_asked": 16 * GIB}
    put_packs(folder, [("node1", of_pack(4, 0, task="12_0", **asked)), ("<b>node2", of_pack(4, 9000, task="12_1", **asked))])
    monkeypatch.setattr(failures.time, "time", lambda: START.timestamp() + 9010)
    monkeypatch.setattr(failures.socket, "gethostname", lambda: "node3")
    failures.note(folder, "0" * 64, "β=<i>", ValueError("<u>"), None)
    page = publish(folder)
    with chromium() as browser:
        visit = Visit(browser, page, accept_downloads=True)
        shown = visit.page.locator("#cost")
        assert shown.locator("h2").inner_text() == "What it cost"
        assert shown.locator("li").first.inner_text().startswith("42.7 core-minutes: 8 points in 2 packs of 4")
        assert "hydra.launcher.mem_gb=3 is enough" in shown.locator("#advice").inner_text()
        bars, failed = visit.page.evaluate(LANES, "timeline")
        assert bars[:2] == ["packs", ["node1", "&lt;b>node2"]]
        assert failed[3][0] == "failed at 2026-03-01 14:30:10 UTC: β=&lt;i><br>ValueError: &lt;u>"
        assert "12:00:00 to 12:01:20 UTC: 5.33 min" in bars[3][0]
        assert "memory 2.00 GiB of 16.0 asked for" in bars[3][0]
        shares = {name: x for name, _, x, _ in visit.page.evaluate(LANES, "phases")}
        assert shares["dynamics"] == [75]
        assert sum(value for (value,) in shares.values()) == pytest.approx(100)
        ranges = []
        for value in ("-1", "0", "1"):
            visit.page.select_option("#which-sitting", value)
            ranges.append(visit.page.evaluate("document.getElementById('timeline').layout.xaxis.range.map(String)"))
        assert ranges[1][0][:16].replace(" ", "T") == "2026-03-01T12:00"
        assert ranges[2][0][:16].replace(" ", "T") == "2026-03-01T14:30"
        with visit.page.expect_download() as waiting:
            visit.page.get_by_label("Save the numbers of the timeline as CSV").click()
        assert waiting.value.suggested_filename == "s_timeline.csv"
        with open(waiting.value.path(), newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["host"], row["task"], row["points"], row["dynamics"]) for row in rows] == [
            ("node1", "12_0", "4", "240"),
            ("<b>node2", "12_1", "4", "240"),
        ]
        assert visit.complaints == []


def test_a_page_without_costs_has_no_such_section(tmp_path: Path, publish: Callable[[Path], Path]) -> None:
    put(tmp_path / "s", settings(0.5, 0.1))
    with chromium() as browser:
        visit = Visit(browser, publish(tmp_path / "s"))
        assert visit.page.locator("#cost").count() == visit.page.locator('a[href="#cost"]').count() == 0
        assert visit.complaints == []
