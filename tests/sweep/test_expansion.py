"""Which points a sweep has that brings several grids, each combined with the parameters that all of them share."""

import pytest
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.study.folder import study_folder
from pcsweep.sweep.expansion import grids

EXPERIMENT = """\
# @package _global_
study: toy
hydra:
  sweeper:
    params:
      noise.sigma: 0.1,0.4
    grids:
      - pcoder: scaled
        pcoder.beta: 0.2,0.6
        pcoder.active: [1, 3]
      - pcoder: adaptation
        pcoder.b: 0.1
      - pcoder: adaptation
        pcoder.a: 0.5
        pcoder.b: 0.1,0.3
"""
OTHER = "# @package _global_\nstudy: other\nhydra:\n  sweeper:\n    params:\n      seed: 1,2\n"


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    (own / "experiment").mkdir()
    (own / "experiment" / "toy.yaml").write_text(EXPERIMENT)
    (own / "experiment" / "other.yaml").write_text(OTHER)
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield GlobalHydra.instance().config_loader(), f"hydra.searchpath=[file://{own}]"


def found(loader, *words):
    """The points of these words, each as a text; None where Hydra's own expansion is to be used."""
    hydras, place = loader
    config = hydras.load_configuration("config", [place, *words], RunMode.MULTIRUN)
    given = OverridesParser.create(config_loader=hydras).parse_overrides(
        [word for word in words if not word.startswith("hydra.")]
    )
    made = grids(hydras, config, given)
    if made is None:
        return None
    return [" ".join(point) for grid in made for point in BasicSweeper.split_arguments(grid, None)[0]]


SCALED = [
    f"noise.sigma={sigma} pcoder=scaled pcoder.beta={beta} pcoder.active=[1,3]" for sigma in (0.1, 0.4) for beta in (0.2, 0.6)
]
FIRST = [f"noise.sigma={sigma} pcoder=adaptation pcoder.b=0.1" for sigma in (0.1, 0.4)]
SECOND = [f"noise.sigma={sigma} pcoder=adaptation pcoder.a=0.5 pcoder.b={b}" for sigma in (0.1, 0.4) for b in (0.1, 0.3)]


def with_experiment(points):
    return [f"{point} experiment=toy" for point in points]


def test_every_grid_is_combined_with_what_all_share_and_with_nothing_of_another(loader):
    assert found(loader, "experiment=toy") == with_experiment([*SCALED, *FIRST, *SECOND])


def test_words_of_the_command_replace_values_and_are_added_to_every_grid(loader):
    points = found(loader, "experiment=toy", "noise.sigma=0", "seed=3")
    assert points == [
        f"{point} seed=3"
        for point in dict.fromkeys(
            each.replace("0.1 pcoder=", "0 pcoder=") for each in with_experiment([*SCALED, *FIRST, *SECOND])
        )
        if point.startswith("noise.sigma=0 ")
    ]


def test_a_word_for_what_some_grids_have_is_for_these_alone(loader):
    points = found(loader, "experiment=toy", "pcoder.a=0.7,0.9", "noise.sigma=0.1")
    assert [each for each in points if "pcoder.a=" in each] == [
        f"noise.sigma=0.1 pcoder=adaptation pcoder.a={a} pcoder.b={b} experiment=toy" for a in (0.7, 0.9) for b in (0.1, 0.3)
    ]
    assert len(points) == 2 + 1 + 4


@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("pcoder=adaptation", [*FIRST, *SECOND]),
        ("pcoder=adaptation,unscaled", [*FIRST, *SECOND]),
        ("pcoder=scaled,adaptation", [*SCALED, *FIRST, *SECOND]),
    ],
)
def test_a_choice_leaves_out_the_grids_with_others(loader, word, points):
    assert found(loader, "experiment=toy", word) == with_experiment(points)


def test_a_choice_that_no_grid_has_is_refused_with_those_that_there_are(loader):
    with pytest.raises(
        BadSetting, match="some grid of `hydra.sweeper.grids` has, but got pcoder=unscaled. Grids: pcoder=scaled pc"
    ):
        found(loader, "experiment=toy", "pcoder=unscaled", "model=pminivgg")


def test_a_swept_experiment_has_its_own_grids(loader):
    expected = [f"{each} experiment=toy timesteps=1" for each in [*SCALED, *FIRST, *SECOND]]
    expected += [f"seed={seed} experiment=other timesteps=1" for seed in (1, 2)]
    points = found(loader, "experiment=toy,other", "timesteps=1")
    assert [set(point.split()) for point in points] == [set(point.split()) for point in expected]


def test_without_several_grids_hydra_expands_what_there_is(loader):
    assert found(loader, "experiment=other") is None
    assert found(loader, "experiment=toy", "hydra.sweeper.grids=null") is None
    assert found(loader, "experiment=toy", "hydra.sweeper.grids=[]") is None
    assert found(loader, "hydra.sweeper.grids=[{noise:none},{noise.sigma:'0.1,0.2'}]") == [
        "noise=none",
        "noise.sigma=0.1",
        "noise.sigma=0.2",
    ]


@pytest.mark.parametrize("value", ["3", "{pcoder:scaled}", "[a,b]", "[{}]", "[[pcoder]]"])
def test_what_is_no_list_of_grids_is_refused(loader, value):
    with pytest.raises(BadSetting, match="Expected `hydra.sweeper.grids` to be a list of grids, each of settings .*, but got"):
        found(loader, f"hydra.sweeper.grids={value}")
