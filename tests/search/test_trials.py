"""Searches of a function whose best point is known, by one command or several, some of which are killed."""

import subprocess

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.predictive_coding import RULE
from pcsweep.search.estimate import Estimate
from pcsweep.search.objective import objective
from pcsweep.search.record import read
from pcsweep.search.settings import search_settings
from pcsweep.search.space import Asked, Network, space_of
from pcsweep.search.terms import Terms
from pcsweep.search.trials import BY, Measured, Trials

UNIT = Asked(0.0, 1.0)
NETWORK = Network(RULE, (1, 2), {"beta": (1.0, 1.0), "lambda": (0.0, 0.0), "alpha": (0.0, 0.0)})
SPACE = space_of({"pcoder.beta": UNIT, "pcoder.lambda": UNIT}, NETWORK, (), 0.001)
BEST = {"pcoder.beta": 0.4, "pcoder.lambda": 0.3}


def joined(folder, images=(10,), objectives=("iou gain at t=T",), **settings):
    made = search_settings({"objective": list(objectives), "images": list(images), **settings})
    terms = Terms(tuple(objectives), SPACE.described, ("",), ({"noise.sigma": 0.6},), tuple(images), 40, made.keep)
    return Trials(folder, terms, made, SPACE, [objective(words, 5, ("iou", "mass"), ()) for words in objectives])


def value(coefficients):
    return -sum((coefficients[key] - best) ** 2 for key, best in BEST.items())


def measured(images, *values):
    return Measured(images, ["ab"], [Estimate(each, 0.01, images, 5) for each in values], images * 6)


def run(trials, images=(10,)):
    """Tells what comes of every trial until there is none."""
    while under_way := trials.ask():
        while under_way:
            under_way = trials.tell(under_way, measured(images[under_way.rung], value(under_way.coefficients)))


@pytest.mark.parametrize(("sampler", "close"), [("tpe", 0.12), ("cmaes", 0.12), ("gp", 0.06), ("random", 0.2)])
def test_each_sampler_finds_a_known_best(tmp_path, sampler, close):
    run(joined(tmp_path, sampler=sampler, trials=40))
    record = read(tmp_path)
    best = record.trials[record.best[0]].coefficients
    assert len(record.complete) == 40
    assert all(abs(best[key] - wanted) < close for key, wanted in BEST.items())


@pytest.mark.parametrize("sampler", ["tpe", "cmaes", "random"])
def test_a_search_that_goes_on_chooses_as_one_that_was_never_interrupted(tmp_path, sampler):
    run(joined(tmp_path / "a", sampler=sampler, trials=24))
    for trials in (7, 15, 24):
        run(joined(tmp_path / "b", sampler=sampler, trials=trials))
    assert [t.coefficients for t in read(tmp_path / "a").trials] == [t.coefficients for t in read(tmp_path / "b").trials]


def test_another_seed_is_another_search(tmp_path):
    for name, seed in (("a", 0), ("b", 1)):
        run(joined(tmp_path / name, seed=seed, trials=3))
    assert read(tmp_path / "a").trials[0].coefficients != read(tmp_path / "b").trials[0].coefficients


def test_trials_that_cannot_win_stop_early_and_the_best_does_not(tmp_path):
    images = (5, 10, 20)
    run(joined(tmp_path, images=images, trials=30), images)
    record = read(tmp_path)
    stopped = [each for each in record.trials if each.state == "pruned"]
    assert {each.images for each in stopped} == {5, 10}
    assert 0 < len(record.complete) < 15
    assert {each.images for each in record.complete} == {20}
    assert max(map(value, (each.coefficients for each in record.trials))) == value(record.trials[record.best[0]].coefficients)


def test_two_objectives_have_a_front(tmp_path):
    trials = joined(tmp_path, objectives=("iou gain at t=T", "mass gain at t=T"), trials=20)
    while under_way := trials.ask():
        beta, lambda_ = under_way.coefficients.values()
        assert trials.tell(under_way, measured(10, beta, 1 - beta - lambda_)) is None
    record = read(tmp_path)
    front = [record.trials[number].values for number in record.best]
    assert len(front) > 1
    for own in front:
        assert not any(
            all(o >= s for o, s in zip(other.values, own, strict=True)) and other.values != own for other in record.complete
        )


def test_what_is_undefined_has_failed_and_is_counted(tmp_path):
    trials = joined(tmp_path, trials=1)
    assert trials.tell(trials.ask(), measured(10, float("nan"))) is None
    (only,) = read(tmp_path).trials
    assert (only.state, only.why) == ("failed", "an objective is undefined")
    assert (trials.failed(), trials.begun(), trials.ended()) == (1, 0, 0)
    assert read(tmp_path).best == ()
    assert trials.ask().number == 1  # in its place


def dead_process():
    """The tag of a process of this machine that has ended."""
    code = "from pcsweep.machine.processes import this_process; print(this_process().tag)"
    return subprocess.run(["python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_trials_of_a_command_that_was_killed_are_gone_on_with_as_they_were(tmp_path):
    images = (5, 20)
    first = joined(tmp_path, images=images, trials=2)
    asked = [first.ask(), first.ask()]
    promoted = first.tell(asked[0], measured(5, 0.5))
    assert promoted.rung == 1
    for each in asked:
        first.study._storage.set_trial_user_attr(each.trial_id, BY, dead_process())
    second = joined(tmp_path, images=images, trials=2)
    assert second.ask() is None  # there are as many as were asked for
    adopted = second.adopt(lambda tag: None)
    assert [(each.number, each.rung, each.coefficients) for each in adopted] == [
        (0, 1, asked[0].coefficients),
        (1, 0, asked[1].coefficients),
    ]
    assert second.adopt(lambda tag: None) == []  # they are its own now


def test_trials_of_another_machine_are_taken_over_only_when_it_is_silent(tmp_path):
    first = joined(tmp_path, trials=1)
    asked = first.ask()
    first.study._storage.set_trial_user_attr(asked.trial_id, BY, "00000000-1-1")
    second = joined(tmp_path, trials=1)
    assert second.others() == 1
    assert second.adopt(lambda tag: True) == []
    assert [each.number for each in second.adopt(lambda tag: False)] == [0]


def test_a_trial_that_another_command_has_told_is_not_told_again(tmp_path):
    first, second = joined(tmp_path, trials=1), joined(tmp_path, trials=1)
    asked = first.ask()
    first.tell(asked, measured(10, 0.5))
    assert second.tell(asked, measured(10, 0.7)) is None
    second.fail(asked, "late")
    assert read(tmp_path).trials[0].values == (0.5,)


def test_what_was_killed_before_coefficients_were_chosen_is_chosen_then(tmp_path):
    first = joined(tmp_path, trials=1)
    from optuna.trial import TrialState, create_trial

    storage = first.study._storage
    storage.create_new_trial(first.study._study_id, create_trial(state=TrialState.RUNNING, user_attrs={BY: dead_process()}))
    assert read(tmp_path).trials[0].coefficients == {}
    (adopted,) = joined(tmp_path, trials=1).adopt(lambda tag: None)
    assert set(adopted.coefficients) == set(BEST)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"images": (10, 20)}, r"search.images is \[10, 20\] here and \[10\] there"),
        ({"objectives": ("mass gain at t=T",)}, "search.objective is .*mass.* here and .*iou.* there"),
        ({"keep": 2}, "search.keep is 2 here and 3 there"),
    ],
)
def test_a_search_about_something_else_is_not_joined(tmp_path, changed, message):
    joined(tmp_path)
    with pytest.raises(BadSetting, match=f"{message}.*study=NAME"):
        joined(tmp_path, **changed)


def test_the_sampler_and_the_number_of_trials_may_change(tmp_path):
    run(joined(tmp_path, trials=3))
    run(joined(tmp_path, trials=6, sampler="random", seed=7))
    assert [each.sampler for each in read(tmp_path).trials] == ["tpe (seed 0)"] * 3 + ["random (seed 7)"] * 3


def test_the_coefficient_that_counts_is_the_important_one(tmp_path):
    trials = joined(tmp_path, trials=40, sampler="random")
    while under_way := trials.ask():
        trials.tell(under_way, measured(10, 3 * under_way.coefficients["pcoder.beta"]))
    importance = read(tmp_path).importance()
    assert list(importance)[0] == "pcoder.beta"
    assert importance["pcoder.beta"] > 0.8
    assert sum(importance.values()) == pytest.approx(1)


def test_confirmations_stand_beside_the_trial(tmp_path):
    trials = joined(tmp_path, trials=1)
    trials.tell(trials.ask(), measured(10, 0.5))
    assert not trials.is_confirmed(0)
    trials.confirm(0, measured(40, 0.3))
    assert trials.is_confirmed(0)
    (only,) = read(tmp_path).trials
    assert (only.confirmed[0].value, only.values, only.image_timesteps) == (0.3, (0.5,), 60 + 240)
    assert only.confirmed[0].interval == pytest.approx((0.3 - 2.0227 * 0.01, 0.3 + 2.0227 * 0.01), abs=1e-5)  # t of 39


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sampler": "nsga"}, "`search.sampler` to be 'tpe', 'cmaes', 'gp' or 'random', but got 'nsga'"),
        ({"images": [20, 10]}, r"`search.images` to rise, .* but got \[20, 10\]"),
        ({"images": []}, "numbers of images"),
        ({"objective": ["a", "b", "c"]}, "one or two objectives, but got 3"),
        ({"objective": ["iou gain at t=T", "mass at t=T"], "sampler": "cmaes"}, "tpe, gp or random for two objectives"),
        ({"objective": ["iou gain at t=T", "mass at t=T"], "images": [5, 10]}, "one number for two objectives"),
        ({"trials": 0}, "`search.trials` to be .* but got 0"),
        ({"trails": 5}, "Unknown setting `search.trails`. Valid ones: .*`search.trials`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(BadSetting, match=message):
        search_settings(settings)
