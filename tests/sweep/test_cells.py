"""The points of a list of cells: each row with the words of the command, in the configuration that they make."""

import random

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

from pcsweep.config.errors import BadSetting
from pcsweep.config.overrides import as_sweep
from pcsweep.grid.entry import conf_folder
from pcsweep.study.folder import study_folder
from pcsweep.sweep.cells import listed_points, word


@pytest.fixture(scope="module")
def loader():
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def listed(loader, tmp_path):
    """The points of a list and further words."""

    def find(text, *words):
        path = tmp_path / str(len(list(tmp_path.iterdir()))) / "cells.csv"  # each is read once in a process
        path.parent.mkdir()
        path.write_text(text)
        given = [f"cells={path}", *words]
        config = loader.load_configuration("config", given, RunMode.MULTIRUN)
        return listed_points(loader, config, OverridesParser.create(config_loader=loader).parse_overrides(given))

    return find


def said(found):
    return [" ".join(each for each in point if not each.startswith("cells=")) for point in found.points]


def test_a_row_is_a_point_and_an_empty_cell_gives_nothing(listed):
    found = listed('noise,noise.sigma,pcoder.beta,pcoder.active\ngaussian,0.2,"[0.2,0.4,0.6,0.8]",all\nnone,,0.3,"[1,3]"\n')
    assert said(found) == [
        "noise=gaussian noise.sigma=0.2 pcoder.beta=[0.2,0.4,0.6,0.8] pcoder.active=all",
        "noise=none pcoder.beta=0.3 pcoder.active=[1,3]",
    ]


def test_words_are_for_all_rows_and_a_sweep_is_combined_with_each(listed):
    found = listed("pcoder.beta\n0.2\n0.4\n", "noise.seed=0,1", "timesteps=3")
    assert said(found) == [f"pcoder.beta={beta} noise.seed={seed} timesteps=3" for beta in (0.2, 0.4) for seed in (0, 1)]
    assert found.lines == [2, 2, 3, 3]
    assert found.called([0, 1]).endswith("cells.csv, line 2: ")
    assert found.called([1, 2]).endswith("cells.csv, lines 2, 3: ")


def test_the_list_takes_the_place_of_the_grid_of_an_experiment(listed):
    found = listed("pcoder.beta\n0.2\n", "experiment=demo")
    assert said(found) == ["pcoder.beta=0.2 experiment=demo"]
    assert found.said()[-1].endswith("takes the place of the grid (noise.sigma, pcoder.beta, pcoder.lambda).")


def test_a_choice_of_a_row_has_settings_of_its_own(listed):
    found = listed("pcoder,pcoder.b,pcoder.beta\nadaptation,0.1,\nscaled,,0.3\n")
    assert said(found) == ["pcoder=adaptation pcoder.b=0.1", "pcoder=scaled pcoder.beta=0.3"]
    with pytest.raises(BadSetting, match="cells.csv, line 3, column `pcoder.b`: Unknown setting `pcoder.b`"):
        listed("pcoder,pcoder.b\nadaptation,0.1\nscaled,0.2\n")


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("pcoder.betta\n0.1\n", [], "line 2, column `pcoder.betta`: Unknown setting .* Did you mean `pcoder.beta`"),
        ("timestep\n3\n", [], "line 1, column `timestep`: Unknown setting `timestep`. Did you mean `timesteps`"),
        ("beta,mean,noise\n1,2,none\n", [], r"line 1: .* 2 are none: `beta`, `mean`\. .* typed: `beta` may be `pcoder.beta`\.$"),
        ("noise\ngausian\n", [], "line 2, column `noise`: Expected one of blur, .* but got 'gausian'. Did you mean gaussian"),
        ("noise\nnone\n", ["noise.sigma=1"], "line 2: Unknown setting `noise.sigma`: .* noise=gaussian"),
        ("pcoder.beta\n0.1\n", ["pcoder.beta=0.2,0.4"], "but got both: pcoder.beta=0.2,0.4 and a column of"),
        ("experiment\ndemo\n", [], "line 1: Expected settings of a grid point, but got `experiment`; give it as a word"),
        ("hydra.launcher.wait\nfalse\n", [], "line 1: Expected settings of a grid point, but got `hydra.launcher.wait`"),
        ("cells\nx.csv\n", [], "as a word or as a column"),
        ("pcoder.beta;noise\nrange(0,1,0.1);none\n", [], "line 2, column `pcoder.beta`: Expected one value, but got several"),
    ],
)  # fmt: skip
def test_what_there_is_not_is_refused_with_line_and_column(listed, text, words, says):
    with pytest.raises(BadSetting, match=says) as refused:
        listed(text, *words)
    assert "\n" not in str(refused.value)


def test_one_list_is_read_and_without_one_there_are_no_points(loader):
    def found(*given):
        config = loader.load_configuration("config", list(given), RunMode.MULTIRUN)
        return listed_points(loader, config, OverridesParser.create(config_loader=loader).parse_overrides(list(given)))

    assert found("noise.sigma=1,2") is None
    assert found("cells=null") is None
    with pytest.raises(BadSetting, match="Expected one file as `cells`, but got several: cells=a.csv,b.csv"):
        found("cells=a.csv,b.csv")
    with pytest.raises(BadSetting, match="Expected `cells` to be a file, or null, but got ''"):
        found("cells=")


def test_a_key_of_that_name_of_another_application_is_its_own(loader):
    config = OmegaConf.create({"cells": "battery", "hydra": {}})
    given = OverridesParser.create(config_loader=loader).parse_overrides(["cells=battery,fuel"])
    assert listed_points(loader, config, given) is None


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("0.4", "0.4"),
        ("[0.2,0.4]", "[0.2,0.4]"),
        ("model", "model"),
        ("null", "null"),
        ("TRUE", "TRUE"),
        ("'a b'", "'a b'"),
        ("/data/my images, 2", "'/data/my images, 2'"),
        ("a=b", "'a=b'"),
        ("{x", "'{x'"),
        ("it's", r"'it\'s'"),
        ("a, \\", "'a, \\\\'"),
        ("/data/set (2)", "'/data/set (2)'"),
    ],
)
def test_text_is_quoted_where_hydra_would_read_something_else(text, made):
    assert word("dataset.root", text) == f"dataset.root={made}"


def test_the_name_of_a_study_is_text():
    assert word("study", "3") == "study='3'"
    assert word("study", "null") == "study=null"


def test_any_text_arrives_as_it_stands_or_is_one_value_that_a_person_could_type():
    drawn = random.Random(0)
    parser = OverridesParser.create()
    quoted = 0
    for _ in range(3000):
        text = "".join(drawn.choice("ab01.,:=[]{}()'\"\\/ -+*?@#$%|~éß") for _ in range(drawn.randrange(1, 12))).strip() or "a"
        try:
            made = word("dataset.root", text)
        except BadSetting:
            continue  # a sweep
        parsed = parser.parse_override(made)
        assert not parsed.is_sweep_override(), text
        assert parsed.key_or_group == "dataset.root"
        if isinstance(parsed.value(), str) and not text.startswith(("'", '"')):
            assert parsed.value() == text
            quoted += made != f"dataset.root={text}"
    assert quoted > 1000


@pytest.mark.parametrize(
    ("words", "sweep"),
    [
        (["cells=a.csv"], True),
        (["cells=null"], False),
        (["cells="], False),
        (["noise.sigma=1"], False),
        (["--cfg", "job", "cells=a.csv"], False),
        (["--help", "cells=a.csv"], False),
        (["hydra.mode=RUN", "cells=a.csv"], False),
    ],
)
def test_a_list_is_a_sweep_without_a_word_of_it(words, sweep):
    assert as_sweep(words) == [*(["--multirun"] * sweep), *words]


def test_m_is_not_given_twice():
    assert as_sweep(["-m", "cells=a.csv"]) == ["-m", "cells=a.csv"]
