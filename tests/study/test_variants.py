"""Which rules cells are of, and their labels."""

from typing import Any

import pytest

from pcsweep.study.axes import RULE_COLUMN
from pcsweep.study.variants import SCALING, rule_label, variants_of, with_rule_label

FORM = "pcoder.form"


def row(rule: str, form: Any = None, **more: Any) -> dict[str, Any]:
    return {RULE_COLUMN: rule, FORM: form, **more}


def test_settings_in_which_a_rules_own_cells_differ_are_in_its_label() -> None:
    rows = [row("surround", "divisive"), row("surround", "subtractive"), row("adaptation"), row("predictive_coding")]
    found = variants_of(rows, ["noise.space", FORM, RULE_COLUMN])
    assert list(found.labels.values()) == ["predictive_coding", "adaptation", "surround (divisive)", "surround (subtractive)"]
    assert found.label_of(rows[0]) == "surround (divisive)"


def test_a_setting_of_one_value_is_no_variant() -> None:
    rows = [row("surround", "divisive"), row("adaptation")]
    assert list(variants_of(rows, [FORM, RULE_COLUMN]).labels.values()) == ["adaptation", "surround"]


def test_numbers_and_truths_are_named() -> None:
    rows = [{"pcoder.reach": reach, RULE_COLUMN: "surround"} for reach in (1.5, 2.0)]
    assert list(variants_of(rows, ["pcoder.reach", RULE_COLUMN]).labels.values()) == [
        "surround (reach = 1.5)",
        "surround (reach = 2)",
    ]
    scaled = [{SCALING: value} for value in (True, False)]
    assert set(variants_of(scaled, [SCALING]).labels.values()) == {
        "predictive_coding (gradient_scaling = true)",
        "predictive_coding (gradient_scaling = false)",
    }


@pytest.mark.parametrize("facets", [[], ["noise.share", "model.weights_sha256"]])
def test_without_a_rule_or_a_setting_of_one_there_is_the_usual_one_alone(facets: list[str]) -> None:
    assert variants_of([{}, {}], facets).labels == {(): "predictive_coding"}


def test_a_groups_rule_and_its_settings_are_one_label() -> None:
    assert with_rule_label({**row("surround", "divisive"), "sigma": 0.2}) == {RULE_COLUMN: "surround (divisive)", "sigma": 0.2}
    assert with_rule_label({**row("adaptation"), "sigma": 0.2}) == {RULE_COLUMN: "adaptation", "sigma": 0.2}
    assert with_rule_label({"sigma": 0.2}) == {"sigma": 0.2}
    assert rule_label({"beta": 0.2, "pcoder.beta": "[0.1]"}) == "predictive_coding"
