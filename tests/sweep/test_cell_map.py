"""Which cell is where in a terminal's mosaics, and in which state."""

from itertools import product
from typing import Any

import pytest
from toy_study import settings

from pcsweep.study.failures import Failure
from pcsweep.study.plans import PlannedPoint
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.cell_map import MANY, Mosaic, State, Strip, cell_map, states
from pcsweep.sweep.standing import Standing


def planned(name: str | None, beta: float = 0.2, lambda_: float = 0.0, sigma: float | None = 0.2, **changed: Any) -> PlannedPoint:
    return PlannedPoint(name, settings(beta, lambda_, sigma, **changed), name is None, "command")


def test_every_point_has_the_state_of_its_standing() -> None:
    task = SubmittedTask("t", 0, ("c",), "7", None, 0.0)
    found = Standing(
        done=frozenset("a"),
        raised={"b": Failure("", "")},
        running={"c": task},
        pending={"d": task},
        lost={"e": task},
        waiting=("f",),
        unknown={"g": task},
        here={"h": ""},
        next_here={"i": ""},
    )
    expected = {"a": "DONE", "b": "FAILED", "c": "RUNNING", "d": "PENDING", "e": "FAILED", "f": "TO_DO", "g": "UNKNOWN"}
    assert {name: state.name for name, state in states(found).items()} == {**expected, "h": "RUNNING", "i": "PENDING"}


def test_one_mosaic_has_no_title_and_the_rules_axes() -> None:
    points = [planned(f"{beta} {lambda_}" if beta + lambda_ <= 1 else None, beta, lambda_) for beta, lambda_ in product(
        (0.6, 0.2, 1.0), (0.0, 0.5),
    )]  # fmt: skip
    (mosaic,) = cell_map(points[:-1]).parts({"0.2 0.5": State.DONE, "0.6 0.0": State.FAILED})
    assert mosaic == Mosaic(
        "",
        ("β", "λ"),
        (("0.2", "0.6", "1"), ("0", "0.5")),
        ((State.TO_DO, State.DONE), (State.FAILED, State.SKIPPED), (State.TO_DO, None)),
    )
    assert mosaic.cells == [State.TO_DO, State.FAILED, State.SKIPPED, State.TO_DO, State.DONE]


def test_a_mosaic_for_each_further_setting_is_named_by_what_varies() -> None:
    points = [
        planned(f"{sigma}{active}", sigma=sigma, pcoder__active=active) for sigma, active in product((0.2, 0.6), ([1, 2], [1]))
    ]
    found = cell_map(points).parts({"0.6[1]": State.RUNNING})
    assert [part.title for part in found] == [
        "σ = 0.2, pcoder all",
        "σ = 0.2, pcoder 1",
        "σ = 0.6, pcoder all",
        "σ = 0.6, pcoder 1",
    ]
    assert [part.cells for part in found] == [[State.TO_DO]] * 3 + [[State.RUNNING]]


def test_noises_and_rules_are_apart() -> None:
    kappa = {"rule": "adaptation", "active": [1, 2], "a": [0.5] * 2, "b": [0.1] * 2}
    points = [
        planned("a"),
        planned("b", sigma=None, noise__name="shot"),
        PlannedPoint("c", {**settings(0.2, 0.1), "pcoder": kappa}, False, ""),
    ]
    found = cell_map(points).parts({})
    assert [part.title for part in found] == [
        "gaussian, σ = 0.2, rule = predictive_coding", "shot, rule = predictive_coding", "gaussian, σ = 0.2, rule = adaptation",
    ]  # fmt: skip
    assert all(isinstance(part, Mosaic) for part in found)
    assert [part.labels for part in found if isinstance(part, Mosaic)] == [("β", "λ"), ("β", "λ"), ("b", "a")]


def test_noise_seeds_are_one_cell_with_the_state_that_matters_most() -> None:
    points = [planned(str(seed), noise__seed=seed) for seed in range(3)]
    for known, state in (
        ({"0": State.DONE, "1": State.RUNNING, "2": State.FAILED}, State.FAILED),
        ({"0": State.DONE, "1": State.RUNNING, "2": State.PENDING}, State.RUNNING),
        ({"0": State.DONE, "1": State.DONE}, State.TO_DO),
        (dict.fromkeys("012", State.DONE), State.DONE),
    ):
        (mosaic,) = cell_map(points).parts(known)
        assert mosaic.cells == [state]


def test_coefficients_per_pcoder_have_a_place_of_their_own() -> None:
    (mosaic,) = cell_map([planned("a"), planned("b", pcoder__beta=[0.2, 0.4])]).parts({})
    assert isinstance(mosaic, Mosaic)
    assert mosaic.values == (("0.2", "[0.2 0.4]"), ("0",))


def test_scattered_cells_are_a_strip_and_a_few_are_not() -> None:
    side = int(MANY**0.5) + 1
    scattered = [planned(str(n), 0.01 * n, 0.02 * n) for n in range(side)]
    (strip,) = cell_map(scattered).parts({"3": State.DONE})
    assert strip == Strip("", [State.TO_DO] * 3 + [State.DONE] + [State.TO_DO] * (side - 4))
    assert isinstance(cell_map(scattered[:-1]).parts({})[0], Mosaic)


@pytest.mark.parametrize("odd", [{}, {"pcoder": None}, {"pcoder": {"rule": "nope"}}, {"pcoder": 3, "noise": [], "model": {}}])
def test_what_a_foreign_plan_says_is_no_error(odd: dict[str, Any]) -> None:
    points = [planned("a"), PlannedPoint("b", odd, False, ""), PlannedPoint(None, odd, True, "")]
    mosaic, others = cell_map(points).parts({"b": State.DONE})
    assert mosaic.cells == [State.TO_DO]
    assert others == Strip("other points", [State.DONE, State.SKIPPED])
    assert cell_map(points[1:]).parts({})[0].title == ""
    assert cell_map([]).parts({}) == []


def test_nothing_is_expected_of_what_is_done_or_skipped() -> None:
    for state in State:
        assert Strip("", [State.DONE, State.SKIPPED, state]).at_rest == (state in (State.DONE, State.SKIPPED))
