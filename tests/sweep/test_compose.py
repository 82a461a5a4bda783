"""A point composed from a template equals the one that Hydra composes anew."""

import json

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf, open_dict

from pcsweep.config.variations import Resolved
from pcsweep.grid.entry import conf_folder
from pcsweep.study.folder import study_folder
from pcsweep.sweep.compose import Composition

PAIRS = {
    "numbers": (["pcoder.beta=0.4", "noise.sigma=0.1"], ["pcoder.beta=1", "noise.sigma=2e-1"]),
    "a list for a number": (["pcoder.beta=0.4"], ["pcoder.beta=[0.1,0.2,0.3,0.4]"]),
    "a number for a list": (["pcoder.beta=[0.1,0.2]", "metrics=[iou]"], ["pcoder.beta=0.3", "metrics=[]"]),
    "null": (["dataset.limit=4", "dataset.cache=/tmp/x"], ["dataset.limit=null", "dataset.cache=null"]),
    "an element": (["pcoder.beta=[0.2,0.4]", "pcoder.beta.1=0.1"], ["pcoder.beta=[0.3,0.5,0.7]", "pcoder.beta.1=0.9"]),
    "the same key twice": (["pcoder.beta=0.4", "pcoder.beta=0.5"], ["pcoder.beta=0.6", "pcoder.beta=0.7"]),
    "interpolations": (["pcoder.beta=${noise.sigma}", "noise.sigma=0.3"], ["pcoder.beta=0.2", "noise.sigma=${pcoder.beta}"]),
    "a resolver": (["seed=1", "dataset.limit=${oc.select:seed,3}"], ["seed=2", "dataset.limit=${oc.select:none,3}"]),
    "quotes": (["study='a b'", "model.weights=\"x,'y'=[z]\""], ["study=\"it's\"", "model.weights='{a: b}'"]),
    "escapes": (["study=a\\ b", "model.weights="], ["study=''", "model.weights=a\\,b"]),
    "a number as a text": (["study=007"], ["study='7'"]),
    "a group": (["noise=none", "pcoder.beta=0.1"], ["noise=none", "pcoder.beta=0.2"]),
    "several groups": (
        ["pcoder=unscaled", "hyperparameter=hps_0", "noise=gaussian", "noise.sigma=0.1", "pcoder.alpha=0"],
        ["pcoder=unscaled", "hyperparameter=hps_0", "noise=gaussian", "noise.sigma=0.2", "pcoder.alpha=0.1"],
    ),
    "values before their group": (["noise.sigma=0.1", "noise=gaussian"], ["noise.sigma=0.2", "noise=gaussian"]),
    "an addition": (["+noise.amount=3", "noise.sigma=0.1"], ["+noise.amount=3", "noise.sigma=0.2"]),
    "an added node": (["+a={b:1,c:[1,2]}", "seed=1"], ["+a={b:1,c:[1,2]}", "seed=2"]),
    "a forced addition": (["++noise.sigma=0.3", "++new.key=1", "seed=1"], ["++noise.sigma=0.3", "++new.key=1", "seed=2"]),
    "a deletion": (["~noise.sigma", "seed=1"], ["~noise.sigma", "seed=2"]),
    "a deleted group": (["~noise", "seed=1"], ["~noise", "seed=2"]),
    "an experiment": (["experiment=demo", "pcoder.beta=0.2"], ["experiment=demo", "pcoder.beta=0.4"]),
    "an experiment that is changed": (["experiment=fig3", "timesteps=1", "seed=1"], ["experiment=fig3", "timesteps=2", "seed=2"]),
    "nothing": ([], []),
}  # fmt: skip

ORDERS = [
    ["+noise.amount=3", "noise.amount=4"],
    ["+a={b:1,c:[1,2]}", "a.b=2", "a.c=[3]"],
    ["noise.sigma=1", "~noise.sigma"],
    ["noise.sigma=1", "++noise={sigma:3}"],
    ["noise={sigma:3}", "noise.sigma=1"],
    ["noise.sigma=1", "noise={sigma:3}"],
    ["noise.sigma=null", "++noise.sigma.low=3"],
    ["++a.b=1", "a.b=2", "++a.b=3"],
    ["noise.sigma=0.1", "~noise", "+noise={sigma:3}"],
]

WORDS = {
    "pcoder.beta": ["0.1", "null", "[0.1,0.2]", "${seed}", "'a=b'"],
    "noise.sigma": ["0.5", "0", "1e-3", "true"],
    "study": ["a", "'b c'", "${seed}"],
    "seed": ["1", "2"],
    "noise": ["gaussian", "none"],
    "hyperparameter": ["hps_0", "sister"],
    "+new": ["1", "{a:1}", "[b]"],
    "++timesteps": ["3", "null"],
}


@pytest.fixture(scope="module")
def loader():
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture(scope="module")
def sweep(loader):
    words = ["pcoder.beta=0.1,0.2", "hydra.launcher.points_per_pack=3"]
    return loader.load_configuration("config", words, RunMode.MULTIRUN)


@pytest.fixture
def composition(loader, sweep):
    return Composition(loader, sweep)


def plain(config):
    """What it holds in the order in which it holds it, without the point's number."""
    with open_dict(config):
        if "hydra" in config:
            config.hydra.job.id = config.hydra.job.num = 0
    return json.dumps(OmegaConf.to_container(config), default=str)


def check(composition, template, words):
    """Compares the point with these words with Hydra's own."""
    expected = composition.loader.load_sweep_config(composition.config, list(words))
    made = template.with_values(words, 3)
    assert (made.hydra.job.id, made.hydra.job.num) == ("3", 3)
    assert OmegaConf.to_container(made.hydra.overrides.task) == list(words)
    assert plain(made) == plain(expected)
    with open_dict(expected):
        del expected["hydra"]
    assert plain(template.task_config(words)) == plain(expected)
    assert OmegaConf.is_struct(made) == OmegaConf.is_struct(template.task_config(words)) is True
    resolved = template.resolved(words)
    if isinstance(resolved, Resolved):
        assert json.dumps(resolved.plain, default=str) == json.dumps(OmegaConf.to_container(expected, resolve=True), default=str)
        assert resolved.text == OmegaConf.to_yaml(expected, resolve=True)


@pytest.mark.parametrize("name", PAIRS)
def test_a_point_equals_hydras_own(composition, name):
    first, second = PAIRS[name]
    template = composition.template(first)
    assert composition.template(second) is template
    check(composition, template, second)


def test_plain_values_are_resolved_at_once_and_others_as_ever(composition):
    assert isinstance(composition.template(["pcoder.beta=0.1"]).resolved(["pcoder.beta=0.3"]), Resolved)
    assert not isinstance(
        composition.template(["pcoder.gradient_scaling=true"]).resolved(["pcoder.gradient_scaling=false"]), Resolved
    )


@pytest.mark.parametrize("words", ORDERS, ids=" ".join)
def test_where_the_order_of_words_counts_it_is_kept(composition, words):
    try:
        composition.loader.load_sweep_config(composition.config, words)
    except HydraException as error:
        with pytest.raises(type(error)):
            composition.template(words)
        return
    check(composition, composition.template(words), words)


@settings(max_examples=4, deadline=None, derandomize=True, phases=[Phase.generate])  # shrinking would take minutes
@given(st.data())
def test_points_of_any_words_equal_hydras_own(loader, sweep, data):
    composition = Composition(loader, sweep)
    keys = data.draw(st.lists(st.sampled_from(sorted(WORDS)), unique=True, max_size=5))
    for _ in range(2):
        words = [f"{key}={data.draw(st.sampled_from(WORDS[key]))}" for key in keys]
        if "noise=none" in words:
            words = [word for word in words if not word.startswith("noise.sigma")]
        check(composition, composition.template(words), words)


@pytest.mark.parametrize("words", [["pcoder.gamma=1"], ["noise=loud"], ["~nothing"], ["+seed=1"], ["pcoder.beta.7=1"]])
def test_what_hydra_refuses_is_refused_alike(composition, words):
    with pytest.raises(Exception, match=".") as expected:
        composition.loader.load_sweep_config(composition.config, words)
    with pytest.raises(type(expected.value)) as found:
        composition.template(words)
    assert str(found.value) == str(expected.value)


def test_points_of_one_template_share_nothing(composition):
    template = composition.template(["pcoder.beta=[0.1,0.2]"])
    before = plain(template.with_values(["pcoder.beta=[0.1,0.2]"], 0))
    for made in (template.with_values(["pcoder.beta=[0.3]"], 1), template.task_config(["pcoder.beta=[0.3]"])):
        made.pcoder.beta.append(7)
        made.noise.sigma = 9.0
    template.with_values([], 2).hydra.launcher.name = "x"
    assert plain(template.with_values(["pcoder.beta=[0.1,0.2]"], 3)) == before


def test_a_point_keeps_the_sweeps_folder(composition, tmp_path):
    words = ["pcoder.beta=0.1", f"output_root={tmp_path}"]
    assert composition.config.hydra.sweep.dir  # Hydra makes it before the first point
    folders = {composition.template(words).with_values(words, number).hydra.sweep.dir for number in range(2)}
    assert len(folders) == 1
    assert folders.pop().startswith(str(tmp_path / "default" / "hydra"))


def test_all_plain_values_share_one_composition(composition, monkeypatch):
    calls = []
    original = ConfigLoaderImpl.load_sweep_config
    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", lambda *words: calls.append(words) or original(*words))
    for beta in range(10):
        for sigma in ("0.1", "null", "[1,2]", "'x'"):
            composition.template([f"pcoder.beta={beta}", f"noise.sigma={sigma}"])
    assert len(calls) == 1
    for noise in ("none", "gaussian", "none"):
        for beta in range(10):
            composition.template([f"noise={noise}", f"pcoder.beta={beta}"])
    assert len(calls) == 3
    for amount in (1, 2, 1):
        composition.template([f"+noise.amount={amount}"])
    assert len(calls) == 5
