import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder import rule_named
from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.search.space import Asked, Network, space_of

UNIT = Asked(0.0, 1.0)
FOUR = Network(RULE, (1, 2, 3, 4), {"beta": (0.8,) * 4, "lambda": (0.1, 0.2, 0.3, 0.0), "alpha": (0.01,) * 4})


def drawn(space, seed=0):
    generator = random.Random(seed)
    return {each.parameter: generator.uniform(*each.range) for each in space.searched}


@given(st.floats(0, 1), st.floats(0, 1))
def test_every_choice_is_a_point_of_the_simplex(first, second):
    space = space_of({"pcoder.beta": UNIT, "pcoder.lambda": UNIT}, FOUR, (), 0.001)
    found = space.coefficients({"pcoder.beta": first, "pcoder.lambda/(1-pcoder.beta)": second})
    assert min(found.values()) >= 0
    assert sum(found.values()) <= 1 + 1e-9
    assert all(round(value, 3) == value for value in found.values())


def test_the_corners_and_edges_of_the_simplex_can_be_reached():
    space = space_of({"pcoder.lambda": UNIT, "pcoder.beta": UNIT}, FOUR, (), 0.001)

    def at(beta, share):
        return list(space.coefficients({"pcoder.beta": float(beta), "pcoder.lambda/(1-pcoder.beta)": float(share)}).values())

    assert at(0, 0) == [0, 0]
    assert at(0, 1) == [0, 1]
    assert at(1, 1) == [1, 0]
    assert at(0.25, 1) == [0.25, 0.75]


def test_ends_of_intervals_are_kept_where_the_sum_allows_it():
    space = space_of({"pcoder.beta": Asked(0.2, 0.9), "pcoder.lambda": Asked(0.3, 0.5)}, FOUR, (), 0.001)
    for seed in range(200):
        found = space.coefficients(drawn(space, seed))
        assert 0.2 <= found["pcoder.beta"] <= 0.7 + 1e-9
        assert 0.3 <= found["pcoder.lambda"] <= 0.5
        assert sum(found.values()) <= 1 + 1e-9


def test_listed_values_are_the_only_ones():
    values = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    space = space_of({"pcoder.beta": Asked(0.0, 1.0, values), "pcoder.lambda": Asked(0.0, 1.0, values)}, FOUR, (), 0.001)
    found = [tuple(space.coefficients(drawn(space, seed)).values()) for seed in range(500)]
    assert {value for pair in found for value in pair} == set(values)
    assert max(map(sum, found)) <= 1 + 1e-9
    assert len(set(found)) == 21  # all cells of the triangle


def test_a_coefficient_that_is_not_searched_takes_its_part_of_the_sum():
    space = space_of({"pcoder.beta": UNIT}, FOUR, (), 0.001)
    assert max(space.coefficients({space.searched[0].parameter: 1.0}).values()) == pytest.approx(0.7)  # beside λ = 0.3


def test_each_pcoder_has_its_own_and_no_feedback_reaches_the_last():
    space = space_of({"pcoder.beta": UNIT, "pcoder.lambda": UNIT}, FOUR, ("beta", "lambda"), 0.001)
    keys = [each.key for each in space.searched]
    assert keys == [f"pcoder.{name}.{n}" for n in range(4) for name in ("beta", "lambda")][:-1]
    chosen = space.coefficients(drawn(space))
    words = space.words(chosen)
    assert words == [
        f"pcoder.beta=[{','.join(repr(chosen[f'pcoder.beta.{n}']) for n in range(4))}]",
        f"pcoder.lambda=[{','.join(repr(chosen[f'pcoder.lambda.{n}']) for n in range(3))},0.0]",
    ]


def test_one_pcoder_alone_leaves_the_others_as_they_are():
    space = space_of({"pcoder.lambda.1": UNIT}, FOUR, (), 0.001)
    found = space.coefficients({space.searched[0].parameter: 0.5})
    assert found == {"pcoder.lambda.1": pytest.approx(0.1)}  # half of what β = 0.8 leaves
    assert space.words(found) == ["pcoder.lambda=[0.1,0.1,0.3,0.0]"]


def test_levels_beside_one_value_for_all():
    space = space_of({"pcoder.beta": UNIT, "pcoder.lambda.0": UNIT}, FOUR, (), 0.001)
    for seed in range(50):
        found = space.coefficients(drawn(space, seed))
        assert found["pcoder.beta"] + max(found["pcoder.lambda.0"], 0.3) <= 1 + 1e-9


def test_rules_without_a_sum_have_their_own_ranges():
    adaptation = rule_named("adaptation")
    keys = [each.key for each in adaptation.coefficients]
    network = Network(adaptation, (1, 2), {key: (0.5, 0.5) for key in keys})
    space = space_of({f"pcoder.{keys[0]}": Asked(0.0, 0.9)}, network, (), 0.01)
    assert space.coefficients({f"pcoder.{keys[0]}": 0.333}) == {f"pcoder.{keys[0]}": 0.33}


@pytest.mark.parametrize(
    ("asked", "per_pcoder", "message"),
    [
        ({}, (), "Expected something to search"),
        ({"pcoder.beta": Asked(0.5, 0.2)}, (), r"interval of `pcoder.beta` that rises, but got interval\(0.5, 0.2\)"),
        ({"pcoder.beta": Asked(0.0, 1.5)}, (), r"`beta` to be in \[0, 1\], but got 1.5"),
        ({"pcoder.beta": Asked(0.8, 0.9), "pcoder.lambda": Asked(0.4, 0.5)}, (), "the least is 1.2"),
        (
            {"pcoder.beta": UNIT},
            ("gamma",),
            r"`search.per_pcoder` to name coefficients that are searched \(beta\), but got 'gamma'",
        ),
        ({"pcoder.beta.7": UNIT}, (), "active pcoder of 4"),
        ({"pcoder.lambda.3": UNIT}, (), "no feedback reaches the last pcoder"),
    ],
)
def test_what_cannot_be_searched_is_refused(asked, per_pcoder, message):
    with pytest.raises(BadSetting, match=message):
        space_of(asked, FOUR, per_pcoder, 0.001)
