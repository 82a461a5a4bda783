"""What is said of a search, and its tables."""

import pytest
from toy_search import LEVELS, record, search, trial

from pcsweep.search.table import importance_table, trial_table
from pcsweep.search.told import SearchShown, best_trials, sentences, so_far, symbol


def said(found, importance=({},)):
    return list(sentences(SearchShown(found, importance)))


def at(beta, lambda_):
    return {"pcoder.beta": beta, "pcoder.lambda": lambda_}


def test_how_much_was_searched_is_said_rung_by_rung():
    trials = [
        trial(0, at(0.5, 0.5), [0.1]),
        trial(1, at(0.2, 0.8), [0.0], state="pruned", images=50),
        trial(2, at(0.8, 0.2), [0.0], state="pruned", images=20),
        trial(3, at(0.3, 0.3), [], state="failed", images=0),
        trial(4, {}, [], state="running", images=0),
    ]
    assert said(record(trials, [0]))[0] == (
        "Search: 5 trials, chosen by tpe (seed 0): 1 measured on all 100 images of the search, 1 stopped early on 20, "
        "1 stopped early on 50, 1 failed, 1 under way; 1,020 image-timesteps in all."
    )


def test_a_stretch_of_a_coefficient_without_a_trial_is_named():
    trials = [trial(number, at(number / 10, 0.1 * number), [0.1]) for number in range(6)]
    line = said(record(trials, [0]))[1]
    assert line.startswith(
        "Never tried: β between 0.5 and 1; λ between 0.5 and 1, whatever the others were. Of combinations these are 6"
    )
    dense = [trial(number, at(number / 10, 1 - number / 10), [0.1]) for number in range(11)]
    assert said(record(dense, [0]))[1].startswith(
        "Along each coefficient alone no stretch above a quarter of its range was left out"
    )


def test_values_that_there_are_no_others_of_are_no_stretch():
    found = record([trial(number, at(value, value), [0.1]) for number, value in enumerate((0.0, 0.5, 1.0))], [0])
    found.terms.space["pcoder.beta"][2] = 3  # 0, 0.5 and 1
    line = said(found)[1]
    assert "λ between 0 and 0.5" in line
    assert "β" not in line


def test_the_best_value_is_too_good_and_what_others_say_stands_beside_it():
    found = search()
    (best,) = (found.record.trials[number] for number in found.record.best)
    line = next(line for line in sentences(found) if line.startswith(f"Trial {best.number} "))
    assert f"is {best.values[0]:.4g} ± 0.01 on the 100 images by which it was chosen among 10, too good by that choice;" in line
    assert f"on 50 images that the search has not seen it is {best.values[0] - 0.1:.3g}, 95 % interval" in line


def test_what_is_not_confirmed_and_what_is_not_there_is_said():
    assert said(record([trial(0, at(0.5, 0.5), [0.1])], [0]))[2].startswith(
        "Not confirmed: 0.1 ± 0.01 of trial 0 is the best of 1 on"
    )
    early = record([trial(0, at(0.5, 0.5), [0.1], state="pruned", images=20)], [])
    assert said(early)[2] == "No trial has been measured on all images of the search, so there is no best one."


def test_a_front_is_confirmed_as_a_whole():
    found = search(objectives=2)
    assert len(found.record.best) > 1
    (line,) = (line for line in sentences(found) if line.startswith("Means of "))
    front = [found.record.trials[number].values[0] for number in found.record.best]
    mean = sum(front) / len(front)
    assert f"iou gain at t=T {mean:.3g} and {mean - 0.1:.3g}; mass at t=T" in line
    ordered = [each.values[0] for each in best_trials(found.record, 1)]
    assert ordered == sorted(front, reverse=True)


def test_importance_is_a_share_and_a_guess_where_trials_are_few():
    found = search(trials=90)
    (line,) = (line for line in sentences(found) if "fANOVA" in line)
    assert "With" not in line
    assert sum(found.importance[0].values()) == pytest.approx(1)
    assert "is a rough guess" in list(sentences(search(trials=30)))[-1]


def test_the_best_so_far_is_that_of_complete_trials_alone():
    values = [(0.2, "complete"), (0.9, "pruned"), (0.1, "complete"), (0.4, "complete")]
    trials = [trial(n, at(0.1, 0.1), [value], state=state) for n, (value, state) in enumerate(values)]
    assert so_far(record(trials, [3]), 0) == [(0, 0.2), (2, 0.2), (3, 0.4)]
    assert so_far(record(trials, [2], directions=("minimize",)), 0) == [(0, 0.2), (2, 0.1), (3, 0.1)]


def test_the_table_has_a_row_for_every_trial_and_settings_as_they_are_typed():
    found = search(objectives=2, keys=LEVELS)
    table = trial_table(found.record)
    assert table.num_rows == 30
    assert set(LEVELS) <= set(table.column_names)
    row = table.to_pylist()[found.record.best[0]]
    assert row["best"]
    assert row["confirmed_value_2"] == pytest.approx(row["value_2"] - 0.1)
    assert row["confirmed_images"] == 50
    assert row["started"] == "1970-01-01T00:00:01Z"
    assert table.schema.metadata[b"objective_2"] == b"mass at t=T"
    shares = importance_table(found).to_pylist()
    assert {each["objective"] for each in shares} == {"iou gain at t=T", "mass at t=T"}
    assert {each["coefficient"] for each in shares} <= set(LEVELS)


@pytest.mark.parametrize(
    ("key", "label"),
    [("pcoder.beta", "β"), ("pcoder.lambda.7", "λ₈"), ("pcoder.lambda.11", "λ₁₂"), ("noise.sigma", "σ"), ("model.x", "model.x")],
)
def test_a_setting_has_the_symbol_of_its_coefficient_and_pcoder(key, label):
    assert symbol(key) == label
