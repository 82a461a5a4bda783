"""A configuration with other values is what OmegaConf makes of it, or is left to OmegaConf."""

import copy

import pytest
from omegaconf import OmegaConf

from pcsweep.config.variations import Resolved, Variations

CONFIG = {
    "pcoder": {"beta": 0.4, "lambda": [0.1, 0.2], "active": "all", "scaling": True, "none": None, "empty": {}, "list": []},
    "noise": {"sigma": 0.2, "seed": "${seed}", "where": {"space": "pixel", "1": "x: y"}},
    "model": {"scaling": "${pcoder.scaling}", "name": "é", "layers": [{"a": 1}, [1, 2]]},
    "seed": 3,
    "text": "short",
}
VALUES = [0.5, 1, 1.0, 1e-9, True, None, "all", "a: b", "12", "", "yes", [0.1, 0.2], [1, True, None], ["a", "b"], float("inf")]


def expected(config, values):
    changed = OmegaConf.create(copy.deepcopy(config))
    for key, value in values.items():
        OmegaConf.update(changed, key, value)
    return Resolved(OmegaConf.to_container(changed, resolve=True), OmegaConf.to_yaml(changed, resolve=True))


@pytest.mark.parametrize("value", VALUES, ids=repr)
@pytest.mark.parametrize("key", ["pcoder.beta", "pcoder.lambda", "noise.where.space", "text"])
def test_one_other_value(key, value):
    found = Variations(OmegaConf.create(CONFIG)).of({key: value})
    assert found == expected(CONFIG, {key: value}) or (found is None and value == [])
    assert found is not None
    assert repr(found.plain) == repr(expected(CONFIG, {key: value}).plain)  # 1 is neither 1.0 nor true


def test_several_values_and_no_value():
    variations = Variations(OmegaConf.create(CONFIG))
    for values in ({"pcoder.beta": 0.1, "pcoder.active": [1], "noise.sigma": 0.9}, {}, {"pcoder.beta": 0.1}):
        assert variations.of(values) == expected(CONFIG, values)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 4),  # from which the noise's follows
        ("pcoder.scaling", False),
        ("pcoder", 3),
        ("pcoder.empty", 3),
        ("pcoder.new", 3),
        ("pcoder.beta.deep", 3),
        ("model.layers[0].a", 3),
        ("text", "${seed}"),
        ("text", "???"),
        ("text", "long " * 20),
        ("text", [[1]]),
        ("text", []),
        ("text", {"a": 1}),
    ],
)
def test_what_may_change_more_is_left_to_omegaconf(key, value):
    assert Variations(OmegaConf.create(CONFIG)).of({key: value}) is None


@pytest.mark.parametrize(
    "text",
    [
        "${.beta}",
        "${..noise.sigma}",
        "${oc.select:.beta,1}",
        "${pcoder[beta]}",
        "${${name}.beta}",
        "${pcoder.beta}",
    ],
)
def test_whatever_refers_to_a_value_is_noticed(text):
    config = OmegaConf.create({"pcoder": {"beta": 0.4, "other": "a"}, "noise": {"sigma": 1}, "name": "pcoder"})
    assert Variations(config).of({"pcoder.beta": 0.1}) is not None
    config.pcoder.other = text
    try:
        OmegaConf.to_yaml(config, resolve=True)
    except Exception:
        return  # which cannot be resolved at all
    assert Variations(config).of({"pcoder.beta": 0.1}) is None


@pytest.mark.parametrize("text", ["${nothing}", "${missing}"])
def test_what_cannot_be_resolved_is_left_to_omegaconf(text):
    config = OmegaConf.create({"a": 1, "b": text, "missing": "???"})
    assert Variations(config).of({"a": 2}) is None


def test_long_texts_are_left_to_omegaconf():
    config = OmegaConf.create({"a": {"b": "words that go on and on " * 9}, "c": 1})
    found = Variations(config).of({"c": 2})
    assert found is None or found.text == OmegaConf.to_yaml({**OmegaConf.to_container(config), "c": 2})


def test_what_is_made_shares_nothing_that_is_changed():
    variations, given = Variations(OmegaConf.create(CONFIG)), [0.3]
    first = variations.of({"pcoder.lambda": given})
    given.append(7)
    second = variations.of({"pcoder.beta": 1.0})
    assert first.plain["pcoder"]["lambda"] == [0.3]
    assert second == expected(CONFIG, {"pcoder.beta": 1.0})
