"""Where cells of different update rules lie, beside each other and alone."""

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder import USUAL, coefficients, rule_named, rules
from pcsweep.pcoder.predictive_coding import KEYS
from pcsweep.pcoder.rule import keys_of
from pcsweep.study import axes
from pcsweep.study.labels import beside, on_axes, pair_of, rules_of

USUALLY = {"active": [1, 2], "beta": [0.5, 0.5], "lambda": [0.2, 0.2], "alpha": [0.0, 0.0]}
OTHERS = [rule for name, rule in rules().items() if name != USUAL]


def of(pcoder):
    return {
        "model": {"name": "toy"},
        "dataset": {"name": "shapes"},
        "noise": {"name": "gaussian", "sigma": 0.2},
        "pcoder": pcoder,
    }


def by(rule, value=0.25):
    return of({"rule": rule.name, "active": [1, 2], **{key: [value, value] for key in keys_of(rule)}})


def test_every_rule_has_its_file_and_keys_of_its_own_words():
    assert next(iter(rules())) == USUAL
    assert coefficients()[: len(KEYS)] == KEYS
    for name, rule in rules().items():
        assert rule.name == name
        assert set(rule.axes) <= set(keys_of(rule))
        assert set(rule.inert_in_last) <= set(keys_of(rule))
        plain = {each.key: each.plain for each in rule.coefficients}
        assert rule.is_feedforward(plain, False)
        assert not rule.is_skipped(plain)


@pytest.mark.parametrize("rule", OTHERS, ids=lambda rule: rule.name)
def test_cells_of_two_rules_have_the_same_axes_and_null_on_those_of_the_other(rule):
    both = [of(USUALLY), by(rule)]
    names, columns = axes.axes_of(both), axes.further_columns(both)
    assert names == (*axes.AXES, *(key for key in keys_of(rule) if key not in axes.AXES))
    assert columns == [axes.RULE_COLUMN]
    ours, theirs = (axes.place_on(names, each, columns) for each in both)
    assert list(ours) == list(theirs)
    assert (ours[axes.RULE_COLUMN], theirs[axes.RULE_COLUMN]) == (USUAL, rule.name)
    assert [ours[key] for key in KEYS] == [0.5, 0.2, 0.0]
    assert all(ours[key] is None for key in keys_of(rule) if key not in KEYS)
    assert all(theirs[key] == 0.25 for key in keys_of(rule))
    assert [each.name for each in rules_of([theirs, ours])] == [USUAL, rule.name]
    assert pair_of(ours) == (0.5, 0.2)
    assert pair_of(theirs) == (0.25, 0.25)
    assert on_axes([ours, theirs]) == ("beta", "lambda", *rule.axes)
    assert "alpha" in beside([ours])
    assert set(beside([theirs])) == set(keys_of(rule)) - set(rule.axes)


def test_a_study_of_the_usual_rule_has_the_columns_it_always_had():
    settings = [of(USUALLY), of({**USUALLY, "beta": [0.4, 0.4]})]
    assert axes.axes_of(settings) == axes.AXES
    assert axes.further_columns(settings) == []


def test_settings_of_a_rule_tell_its_cells_apart_and_no_others():
    rule = OTHERS[0]
    wide, narrow = by(rule), by(rule)
    wide["pcoder"]["reach"], narrow["pcoder"]["reach"] = 2, 1
    assert axes.further_columns([of(USUALLY), wide]) == [axes.RULE_COLUMN]
    assert axes.further_columns([of(USUALLY), wide, narrow]) == ["pcoder.reach", axes.RULE_COLUMN]


def test_what_is_inert_in_the_last_pcoder_alone():
    last = of({**USUALLY, "active": [2]})
    assert axes.inert(last) == ("lambda",)
    assert axes.inert(of(USUALLY)) == ()
    assert "lambda" not in axes.without_inert(last)["pcoder"]
    assert axes.without_inert(of(USUALLY)) == of(USUALLY)
    assert axes.is_fixed(last)
    assert not axes.is_fixed(of(USUALLY))


def test_a_rule_that_is_not_here_is_named_with_those_that_are():
    with pytest.raises(BadSetting, match="Expected `pcoder.rule` to be predictive_coding or .*, but got 'nobody'"):
        axes.coordinates(of({**USUALLY, "rule": "nobody"}))
    with pytest.raises(BadSetting, match="but got 3"):
        rule_named(3)


def mapped(name="grad_cam", target="label", **changed):
    return {**of(USUALLY), "attribution": {"name": name, "layer": None}, "target": target, **changed}


def test_one_attribution_is_no_column_and_several_are():
    assert axes.further_columns([mapped(), mapped()]) == []
    several = [mapped(), mapped("eigen_cam"), mapped(target="predicted")]
    assert axes.further_columns(several) == ["attribution.name", "attribution.target"]
    places = [axes.further_coordinates(each, axes.further_columns(several)) for each in several]
    assert [place["attribution.target"] for place in places] == ["label", "label", "predicted"]
    layered = mapped(attribution={"name": "grad_cam", "layer": "pool"})
    assert axes.further_columns([mapped(), layered]) == ["attribution.layer"]
    assert axes.further_columns([mapped(), mapped("other", attribution={"name": "other", "power": 2})]) == ["attribution.name"]


def test_shards_of_several_attributions_may_be_of_one_study():
    axes.check_alike([mapped(), mapped("eigen_cam"), mapped(target="predicted")])
    with pytest.raises(BadSetting, match="to differ only in model, noise, pcoder and attribution, but `timesteps` is 1 in"):
        axes.check_alike([mapped(timesteps=1), mapped("eigen_cam", timesteps=2)])


def drawn_anew(how, seed=0, weights="w"):
    own = {} if how is None else {"randomized": how, "randomized_seed": seed}
    return mapped(model={"name": "toy", "weights_sha256": f"{weights} {how} {seed}", **own})


def test_weights_that_follow_from_what_is_drawn_anew_are_no_column():
    depths = [drawn_anew(None), drawn_anew("head"), drawn_anew(1)]
    assert axes.further_columns(depths) == ["model.randomized"]
    assert [axes.further_coordinates(each, ["model.randomized"])["model.randomized"] for each in depths] == [None, "head", "1"]
    assert axes.further_columns([*depths, drawn_anew(1, seed=1)]) == ["model.randomized", "model.randomized_seed"]
    assert axes.further_columns([*depths, drawn_anew(None, weights="v")]) == ["model.randomized", "model.weights_sha256"]
