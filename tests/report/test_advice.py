"""What is advised, from which border on, and that nothing is where it would not help."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_costs import BETAS, GIB, SPENT, cost, of_pack

from pcsweep.report import advice as module
from pcsweep.report.advice import advice
from pcsweep.report.packs import ShardCost, packs
from pcsweep.study.spent import Spent, Sum


def advised(costs: Sequence[ShardCost]) -> list[str]:
    total = Sum()
    for each in costs:
        total.add(each.spent)
    return advice(costs, packs(costs), total)


def study(points: int = 8, settings: dict[str, Any] | None = None, **changed: Any) -> list[ShardCost]:
    """Eight points in packs of so many, one after the other."""
    starts = [100.0 * (place // points) for place in range(len(BETAS))]
    return [cost(of_pack(points, start, **changed), beta, **(settings or {})) for start, beta in zip(starts, BETAS, strict=True)]


def seconds(**phases: float) -> dict[str, float]:
    """Of a point that takes 100 of them, most of it dynamics."""
    return {"dynamics": 100.0 - sum(phases.values()), **phases}


def test_a_study_that_is_well_has_no_advice() -> None:
    assert advised(study()) == []


@pytest.mark.parametrize(("share", "said"), [(15.0, True), (14.9, False)])
def test_images_decoded_again_and_again(share: float, said: bool) -> None:
    costs = study(4, seconds=seconds(decoding=share))
    line = "Decoding images took 15% of the time, 2 times over: dataset.cache=FOLDER keeps them decoded."
    assert (line in advised(costs)) == said


def test_images_that_are_kept_or_were_decoded_once_are_not_spoken_of() -> None:
    for costs in (study(4, seconds=seconds(decoding=60.0), cached=True), study(8, seconds=seconds(decoding=60.0))):
        assert not [line for line in advised(costs) if "Decoding" in line]


@pytest.mark.parametrize(("share", "said"), [(20.0, True), (19.9, False)])
def test_tasks_that_are_too_short(share: float, said: bool) -> None:
    costs = [cost(of_pack(8, task=f"12_{number % 3}", seconds=seconds(loading=share)), beta) for number, beta in enumerate(BETAS)]
    found = advised(costs)
    assert (
        any(line.startswith("Loading weights and checking images took 20% of the time, once in each of 3") for line in found)
        == said
    )
    assert not [line for line in advised(study(4, seconds=seconds(loading=90.0))) if "Loading" in line]  # not Slurm's tasks


def test_packs_that_are_small_although_points_could_share_them() -> None:
    # Of 76 measured seconds at t = 0 to 3 a quarter is t = 0, which a pack of eight does once: 7/8 of 19, of 80 in all.
    (line,) = advised(study(1))
    assert line.startswith("Points that differ in their coefficients alone were computed in packs of 1: larger ones share t = 0")
    assert "would save about 21% of the time (hydra.launcher.points_per_pack=8" in line


@pytest.mark.parametrize(
    ("points", "timesteps", "said"), [(1, 7, True), (1, 8, False), (2, 3, True), (4, 3, False), (8, 1, False)]
)
def test_packs_are_larger_where_that_saves_a_tenth(points: int, timesteps: int, said: bool) -> None:
    # (76 / (1 / points + T)) · (1 / points − 1 / 8) of 80 seconds: 0.104, 0.092, 0.102, 0.037, 0
    assert bool(advised(study(points, {"timesteps": timesteps}))) == said


def test_points_that_cannot_share_a_pack_are_not_told_to() -> None:
    alone = [cost(of_pack(1, 100 * place), noise__sigma=0.1 * place) for place in range(8)]
    assert advised(alone) == []
    pairs = [cost(of_pack(2, 100 * place), beta, noise__sigma=0.1 * place) for place in range(4) for beta in (0.1, 0.2)]
    assert advised(pairs) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rows": 32, "batch_size": 32}, True),
        ({"rows": 40, "batch_size": 40}, False),
        ({"rows": 32, "batch_size": "auto"}, False),
        ({"rows": 8, "batch_size": 8, "memory": 4 * GIB}, True),
        ({"rows": 8, "batch_size": 8, "memory": 4 * GIB + 1}, False),
        ({"rows": 8, "batch_size": 8, "memory_before": 4 * GIB + 1}, False),
        ({"rows": 8, "batch_size": 8, "memory_limit": 8 * GIB - 1}, False),
        ({"rows": 8, "batch_size": 8, "gpu_memory": 20 * GIB, "gpu_limit": 80 * GIB, "memory": 15 * GIB}, True),
        ({"rows": 8, "batch_size": 8, "gpu_memory": 21 * GIB, "gpu_limit": 80 * GIB}, False),
    ],
)
def test_few_rows_at_once_with_memory_for_more(changed: dict[str, Any], said: bool) -> None:
    rows = changed["rows"]
    line = f"The network computed {rows} rows at once, with memory for more: batch_size=auto takes as many as make it faster."
    assert advised(study(**changed)) == [line] * said


def test_few_rows_are_spoken_of_where_most_points_have_them() -> None:
    few, many = of_pack(8, rows=8, batch_size=8), of_pack(8)
    assert len(advised([*(cost(few, beta) for beta in BETAS[:5]), *(cost(many, beta) for beta in BETAS[5:])])) == 1
    assert advised([*(cost(few, beta) for beta in BETAS[:4]), *(cost(many, beta) for beta in BETAS[4:])]) == []


@pytest.mark.parametrize(("share", "said"), [(40.0, True), (39.9, False)])
def test_metrics_that_take_long_are_named(share: float, said: bool) -> None:
    plain, asking = (study(seconds=seconds(metrics=share), settings={"metrics": names}) for names in (
        ["rank", "iou"], ["iou", "insertion", "deletion"],
    ))  # fmt: skip
    assert advised(plain) == ["Metrics took 40% of the time: metrics=[…] names those that are needed, of iou, rank."] * said
    assert [line.split(":")[0] for line in advised(asking)] == [
        "Metrics took 40% of the time. deletion and insertion ask the network about other images"
    ] * said


@pytest.mark.parametrize(("share", "said"), [(40.0, True), (39.9, False)])
def test_maps_that_take_long_are_named(share: float, said: bool) -> None:
    for attribution, words in (
        ({"name": "ablation_cam"}, "Maps took 40% of the time: ablation_cam; "),
        ({"name": "grad_cam", "layer": "all"}, "Maps took 40% of the time: grad_cam, at every pcoder (attribution.layer=all); "),
    ):
        found = advised(study(seconds=seconds(attribution=share), settings={"attribution": attribution}))
        assert [line.startswith(words) for line in found] == [True] * said
    assert advised(study(seconds=seconds(attribution=90.0))) == []  # nothing is cheaper than grad_cam


@pytest.mark.parametrize(
    ("asked", "used", "enough"),
    [
        (16.0, 2.1, 4),  # 1.5 · 2.1 GiB, rounded up
        (16.0, 5.33, 8),
        (16.0, 5.34, None),  # 9 would do, which is more than half
        (2.0, 0.1, 1),
        (1.9, 0.1, None),
        (16.0, 14.39, None),
        (16.0, 14.5, 22),
    ],
)
def test_memory_that_was_asked_for_is_held_against_what_was_used(asked: float, used: float, enough: int | None) -> None:
    found = advised(study(memory=round(used * GIB), memory_before=0, memory_asked=round(asked * GIB)))
    assert [f"hydra.launcher.mem_gb={enough}" in line for line in found] == [True] * (enough is not None)
    assert [("ask for more" in line) for line in found] == [used > 14.39] * (enough is not None)


def test_the_least_that_was_asked_for_counts_and_the_most_that_was_used() -> None:
    costs = [*study(memory=8 * GIB, memory_asked=16 * GIB), *study(memory=GIB, memory_asked=32 * GIB, process=8)]
    assert advised(costs) == []


def test_of_a_study_of_a_minute_only_memory_is_spoken_of() -> None:
    short = [cost(Spent(**{**vars(SPENT), "seconds": {"metrics": 7.4}, "memory_asked": 16 * GIB}), beta) for beta in BETAS]
    assert [line.partition(" used")[0] for line in advised(short)] == ["A task"]
    longer = [cost(Spent(**{**vars(SPENT), "seconds": {"metrics": 7.6}}), beta) for beta in BETAS]
    assert any("Metrics" in line for line in advised(longer))


def test_what_a_foreign_shard_says_is_no_error() -> None:
    odd = [cost(of_pack(1, seconds={"resting": 100.0}), beta, timesteps="x", metrics=[7], attribution=None) for beta in BETAS]
    assert advised(odd) == []


def test_documented_borders_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "watching.md").read_text()
    shares = {"decoding": module.DECODING, "loading": module.LOADING, "metrics": module.METRICS, "maps": module.ATTRIBUTION}
    for name, share in shares.items():
        assert f"| {name} | {share:.0%}".replace("%", " %") in text
    assert f"saves at least {module.SAVED:.0%}".replace("%", " %") in text
    assert f"at most {module.FEW_ROWS} rows" in text
