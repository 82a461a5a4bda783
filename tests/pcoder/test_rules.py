"""Laws of every rule in the folder: with plain values it is the feedforward network; and what is no rule is refused."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from toy_network import MODULES, Backbone, predictors

from pcsweep.config.errors import BadSetting
from pcsweep.network import PCoder, PredictiveNetwork
from pcsweep.network.engine.run import ROWS
from pcsweep.pcoder import files, rules, rules_of
from pcsweep.pcoder.adaptation import Adaptation
from pcsweep.pcoder.predictive_coding import PredictiveCoding
from pcsweep.pcoder.rule import Coefficient, plain_unless, valued


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone, made = Backbone(), predictors()
    return PredictiveNetwork(backbone, [PCoder(*pair) for pair in zip(MODULES, made, strict=True)]).requires_grad_(False)


def images():
    return torch.randn(ROWS, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def plain_of(rule):
    return tuple(each.plain for each in rule.coefficients)


def active_of(rule):
    """Values with which a pcoder moves."""
    return tuple(0.4 * min(1.0, each.highest) for each in rule.coefficients)


def computed(net, rule, point, timesteps=4):
    found = {}
    for moment in net.moments(images(), rule, [point], timesteps, ROWS):
        found[moment.timestep] = [r.clone() for r in moment.representations]
    return found


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_with_every_coefficient_plain_it_is_the_feedforward_network_to_the_bit(rule):
    net = network()
    found = computed(net, rule, [plain_of(rule)] * 3)
    with torch.no_grad():
        feedforward = net.feedforward(images())
    for t in range(5):
        assert all(map(torch.equal, found[t], feedforward)), t
    assert rule.is_feedforward(valued(rule, plain_of(rule)), False)
    assert not rule.is_skipped(valued(rule, plain_of(rule)))


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
@pytest.mark.parametrize("active", [1, 2, 3])
def test_an_inactive_pcoder_stays_feedforward_on_what_lies_below_it(rule, active):
    net = network()
    found = computed(net, rule, plain_unless(rule, [active], [active_of(rule)] * 3))
    for t, representations in found.items():
        with torch.no_grad():
            driven = [stage(below) for stage, below in zip(net.stages, [images(), *representations], strict=False)]
        for n, (r, drive) in enumerate(zip(representations, driven, strict=True), start=1):
            assert torch.equal(r, drive) or n == active, (t, n)
    assert not torch.equal(found[4][active - 1], found[0][active - 1])


def test_every_rule_has_a_file():
    assert {name: path.stem for name, path in files().items()} == {name: name for name in rules()}


USUAL = (Path("predictive_coding.py"), PredictiveCoding())


def test_two_files_with_one_rule_are_refused_with_both():
    copied = [(Path("/a/adaptation.py"), Adaptation()), (Path("/a/mine.py"), Adaptation())]
    with pytest.raises(BadSetting, match="but /a/adaptation.py and /a/mine.py both have 'adaptation'"):
        rules_of([USUAL, *copied])
    with pytest.raises(BadSetting, match="Expected `RULE` of /a/mine.py to have the name of its file, 'mine', but got 'adapt"):
        rules_of([USUAL, copied[1]])


def test_a_plain_value_has_to_be_said():
    with pytest.raises(TypeError, match="plain"):
        Coefficient("rate", "ρ")


class Stepless(PredictiveCoding):
    name = "mine"


class Startless(Stepless):
    def step(self, values, drive, before, state, rectified):
        return drive, state


@dataclass(frozen=True)
class Mine(Adaptation):
    name = "mine"


class Frozen(Mine):
    coefficients = (Coefficient("a", "a", plain=0.0), Coefficient("b", "b", plain=0.5))


class Outside(Mine):
    coefficients = (Coefficient("a", "a", highest=1.0, plain=2.0), Coefficient("b", "b", plain=0.0))


class Misspelt(Mine):
    axes = ("b", "alpah")


class Inert(Mine):
    inert_in_last = ("c",)


class Named(Mine):
    coefficients = (Coefficient("active", "a", plain=0.0), Coefficient("b", "b", plain=0.0))
    axes = ("b", "active")


class Short(Mine):
    def step(self, values, drive):
        return drive, drive


class Restarted(Mine):
    def start(self, initial):
        return initial


class Above(Mine):
    coefficients = (Coefficient("a", "a", lowest=0.5, plain=0.0), Coefficient("b", "b", plain=0.0))


@dataclass(frozen=True)
class Clash(Mine):
    b: float = 1.0


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Stepless(), r"it lacks a method step\(values, drive, before, state, rectified\)"),
        (Startless(), r"it lacks a method start\(initial, rectified\)"),
        (Restarted(), "its start takes other parameters than initial, rectified"),
        (Above(), "the plain value of 'a' is 0.0, outside of its range"),
        (Frozen(), "`is_feedforward` says that a pcoder with the plain values, a = 0, b = 0.5, is not feedforward"),
        (Outside(), "the plain value of 'a' is 2.0, outside of its range"),
        (Misspelt(), r"its axes are \('b', 'alpah'\), and not two different ones of its coefficients a, b"),
        (Inert(), "inert_in_last names 'c'"),
        (Named(), "the key 'active' is no name"),
        (Short(), "its step takes other parameters than values, drive, before, state, rectified"),
        (Clash(), "its setting 'b' has a name that the pcoder group has already"),
        (Mine, "and not a frozen dataclass made with"),
        (object(), "and not a frozen dataclass"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_file(rule, said):
    with pytest.raises(BadSetting, match=said) as caught:
        rules_of([USUAL, (Path("/a/mine.py"), rule)])
    assert "/a/mine.py" in str(caught.value)
