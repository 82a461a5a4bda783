"""Words that cannot be followed: one message that names them, exit code 2, and nothing left behind."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from stored import all_shards

from pcsweep.__main__ import main
from pcsweep.config.errors import BadSetting
from pcsweep.config.overrides import checked_words
from pcsweep.config.refusals import message, suggestions
from pcsweep.console.words import words_of
from pcsweep.grid.entry import conf_folder
from pcsweep.report.__main__ import main as report
from pcsweep.show import show
from pcsweep.study.folder import existing_study

SMALL = "dataset.limit=2 timesteps=0 metrics=iou"

NOISES = "blur, contrast, gaussian, impulse, jpeg, none, salt_and_pepper, shot, speckle"


@pytest.fixture
def pcsweep(tmp_path, monkeypatch, capfd):
    """Runs the command in an empty folder; gives its exit code and what it says."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        monkeypatch.setattr(sys, "argv", ["pcsweep", *shlex.split(line)])
        monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
        GlobalHydra.instance().clear()
        try:
            main()
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def shards_of(folder):
    return len(list(Path(folder).glob("shards/*.parquet")))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("noise=null", f"Expected `noise` to be one of {NOISES}, but got 'noise=null'."),
        ("~noise", "Expected a choice of `noise`"),
        ("~dataset", "Expected a choice of `dataset`"),
        ("pcoder=3", "Expected `pcoder` to be one of adaptation, scaled, surround, unscaled, but got 'pcoder=3'."),
        ("-m --cfg job", "Expected one of --multirun, --cfg"),
        (
            "noise.sigma=0.1,0.2",
            "Expected one value of `noise.sigma`, but got several: noise.sigma=0.1,0.2. To run or plan each, add -m",
        ),
        ("thresholds=0.1,0.2", "A list as one value is thresholds=[0.1,0.2]."),
        ("pcoder.beta=range(0,1,0.5)", "Expected one value of `pcoder.beta`, but got several: pcoder.beta=range(0,1,0.5)."),
        ("noise=none,gaussian", "Expected one value of `noise`, but got several"),
        ("--resolve", "Expected `--resolve` only with"),
        ("--package noise", "Expected `--package` only with --cfg"),
        ("--experimental-rerun x.pickle", "which would run what a pickle says"),
        ("--nope", "but got --nope"),
        ("--config-name=nope", "Cannot find primary config 'nope'"),
        ("--config-dir=nope", "nope' not found"),
        ("hydra/launcher=nope", "Could not find 'hydra/launcher/nope'"),
        ("-m hydra.launcher._target_=nope.nope timesteps=1", "Invalid plugin 'nope.nope'"),
        ("''", "Expected words of the form key=value, but got ''."),
        ("=3", "but got '=3'"),
        ("timesteps", "but got 'timesteps'"),
        ("pcoder.beta=[0.1,0.2", "Expected 'pcoder.beta=[0.1,0.2' to be a word that Hydra understands"),
        ("model.name=a=b", "A value with '=' in it needs quotes of its own"),
        ("betta=1", "Unknown setting `betta`. Did you mean `pcoder.beta`?"),
        ("pcoder.betta=1", "Unknown setting `pcoder.betta`. Did you mean `pcoder.beta`?"),
        ("lambda_=0.1", "Did you mean `pcoder.lambda`?"),
        ("lambda=0.1", "Did you mean `pcoder.lambda`?"),
        ("noise=none noise.sigma=0.3", "`noise` has no settings here. noise=blur and noise=gaussian and noise=speckle have it."),
        ("noise=gausian", "Did you mean gaussian?"),
        ("timesteps=${nope}", "Expected a value for `nope`, to which others refer, but there is none"),
        ("~pcoder", "Expected a value for `pcoder.beta`, but there is none"),
        ("~study", "Expected a value for `study`, to which others refer"),
        ("+x=1", "`tags`, `extensions`; and the groups model, dataset, noise, pcoder, attribution."),
        (
            "statsu demo",
            "but got 'statsu'. Commands: aggregate, cancel, compare, export, fetch, plan, report, show, status, studies, train. "
            "Did you",
        ),
        ("demo", "Expected words of the form key=value, but got 'demo'. Commands: aggregate,"),
        ("-m timesteps=range(0,1,0)", "range() arg 3 must not be zero"),
        ("-m noise=glob(x*)", f"Expected `noise` to be some of {NOISES}"),
        ("-m timesteps=1,-1", "point 1: Expected `timesteps`"),
        ("-m hydra.sweeper.max_batch_size=0 timesteps=1", "Expected `hydra.sweeper.max_batch_size` to be null or at least 1"),
        ("-m experiment=demo,fig2 hydra/sweeper=basic", "hydra/sweeper=grid runs each with its own grid"),
        ("experiment=contrast hydra/sweeper=basic", "Expected hydra/sweeper=grid for what sets `hydra.sweeper.grids`"),
        ("experiment=contrast hydra.sweeper.grids=3", "Expected `hydra.sweeper.grids` to be a list of grids"),
        ("-m experiment=[demo,fig1]", "Expected `experiment` to be one choice, but got a list"),
        ("noise=[none,gaussian]", "Expected `noise` to be one choice"),
        ("timesteps=true", "Expected `timesteps` to be no truth value, but got true."),
        ("noise.sigma=true", "Expected `noise.sigma` to be no truth value"),
        ("thresholds=[true]", "Expected `thresholds` to be no truth value"),
        ("output_root=null", "Expected `output_root` to be a path, but got null."),
        ("study=null", "but got null"),
        ("study=$x", "but got '$x'"),
        ("timesteps=1e23", "Expected `timesteps` to be less than or equal to 10000, but got 1e+23."),
        ("timesteps=100000000000", "Expected `timesteps` to be less than or equal to 10000"),
        ("batch_size=1e12", "less than or equal to 1000000"),
        ("dataset.limit=1e12", "less than or equal to 100000000"),
        ("noise.sigma=nan", "finite"),
        ("metrics=iuo", "Expected `metrics` to be 'iou'"),
        ("'output_root=$HOME/x'", "in which $HOME has not been replaced"),
        ("output_root=~nobody-of-that-name/x", "there is no such user"),
        ("train ~model", "Expected `model._target_`"),
        ("train output=x.txt", "Expected `output` to be a .safetensors file"),
        ("plan betta=1", "Did you mean `pcoder.beta`?"),
        ("status nope", "Expected `study` to name a study in outputs (there: none), but got 'nope'."),
    ],
)
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_one_message_and_nothing_written(pcsweep, tmp_path, line, told):
    code, out, err = pcsweep(line)
    assert code == 2
    assert told in err
    assert err.startswith("pcsweep")
    assert "Traceback" not in out + err
    assert not list(tmp_path.iterdir())


def test_a_key_that_only_the_users_files_have_is_known(pcsweep, tmp_path):
    (tmp_path / "own" / "noise").mkdir(parents=True)
    (tmp_path / "own" / "noise" / "grain.yaml").write_text("_target_: pcsweep.noise.gaussian.gaussian\nsigma: 0.1\n")
    code, _, err = pcsweep("--config-dir own noise=grain noise.sgima=0.3")
    assert code == 2
    assert err == "pcsweep: Unknown setting `noise.sgima`. Did you mean `noise.sigma`? Valid ones: `noise.sigma`.\n"


@pytest.mark.parametrize("name", ["2024", "1e3", "2024_01", "true", "007", "on"])
def test_a_study_may_be_named_by_a_number(name):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        assert compose("config", overrides=checked_words([f"study={name}"])).study == name
    assert checked_words(["-m", "study=a,2024"]) == ["-m", "study=a,'2024'"]


def test_each_swept_experiment_has_its_own_grid(pcsweep, tmp_path):
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    for name, values in (("toy_one", "pcoder.beta: 0.2,0.4"), ("toy_two", "noise.sigma: 0.1,0.2,0.3")):
        text = f"# @package _global_\nstudy: {name}\nhydra:\n  sweeper:\n    params:\n      {values}\n"
        (tmp_path / "own" / "experiment" / f"{name}.yaml").write_text(text)
    for sweep in ("toy_one,toy_two", "glob(toy*)", "choice(toy_one,toy_two)"):
        code, out, err = pcsweep(f"--config-dir own -m 'experiment={sweep}' {SMALL} hydra.launcher.executor=local")
        assert code == 0, err
        assert "of 5 already done" in out
    assert shards_of("outputs/toy_one") == 2
    assert shards_of("outputs/toy_two") == 3


@pytest.mark.parametrize("launcher", ["", "-m hydra/launcher=basic", "-m hydra/launcher=basic hydra/sweeper=basic"])
def test_paths_are_relative_to_where_the_command_was_given(pcsweep, launcher):
    code, _, err = pcsweep(f"{launcher} hydra.job.chdir=true study=007 {SMALL}")
    assert code == 0, err
    assert shards_of("outputs/007") == 1


def test_home_is_one_folder(pcsweep, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for line in ("output_root=~/x", "\"output_root='~/x'\""):
        code, _, err = pcsweep(f"{line} {SMALL}")
        assert code == 0, err
    assert shards_of(tmp_path / "home/x/default") == 1
    assert existing_study("~/x", "default") == tmp_path / "home/x/default"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_bare_word_is_a_study():
    assert words_of(["demo", "metric=iou"], ["study", "metric"]) == {"study": "demo", "metric": "iou"}


def test_two_commands_of_one_second_have_folders_of_their_own(pcsweep):
    for _ in range(2):
        assert pcsweep(SMALL)[0] == 0
    assert len(list(Path("outputs/default/hydra").iterdir())) == 2


NOISE = '''
import torch
from torch import Tensor


def salt(image: Tensor, generator: torch.Generator, *, share: float) -> Tensor:
    """Sets a `share` of the pixels to one."""
    return torch.where(torch.rand(image.shape[1:], generator=generator) < share, torch.ones_like(image), image)
'''


def test_a_noise_in_the_users_own_module(pcsweep, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own" / "noise").mkdir(parents=True)
    for module in ("toy_noises", "toy_noises_too"):
        (tmp_path / f"{module}.py").write_text(NOISE)
        (tmp_path / "own" / "noise" / f"{module}.yaml").write_text(f"_target_: {module}.salt\nshare: 0.5\n")
    both = "extensions=[toy_noises,toy_noises_too]"
    code, _, err = pcsweep(f"--config-dir own -m noise=toy_noises,toy_noises_too {both} {SMALL} hydra.launcher.executor=local")
    assert code == 0, err
    found = list(all_shards(tmp_path / "outputs/default/shards"))
    assert {shard.settings["noise"]["name"] for shard in found} == {"toy_noises.salt", "toy_noises_too.salt"}
    for line, told in (
        ("noise=toy_noises", "For a module of your own add extensions=[toy_noises]."),
        ("noise=toy_noises noise.share=much extensions=toy_noises", "Expected `noise.share` to be a valid number"),
        ("noise=toy_noises noise._target_=toy_noises.torch extensions=toy_noises", "to be a function or class of toy_noises"),
        ("noise=toy_noises noise._target_=nope.salt extensions=nope", "ModuleNotFoundError"),
        ("noise=toy_noises extensions=[toy_noises,toy_noises]", "Expected `extensions` to be different modules"),
        ("noise=toy_noises extensions=[3]", "Expected `extensions` to be modules of your own"),
    ):
        code, _, err = pcsweep(f"--config-dir own {line} {SMALL} study=other")
        assert code == 2
        assert told in err
    assert not (tmp_path / "outputs/other").exists()


STORED = "dataset.limit=3 timesteps=1 metrics=iou noise.share=0.1 noise=toy_noises extensions=toy_noises"
NEEDED = "if you trust them, add extensions=[toy_noises]"


def test_a_study_of_the_users_own_module_is_drawn_where_it_is_named(pcsweep, tmp_path, monkeypatch, capfd):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "own" / "noise").mkdir(parents=True)
    (tmp_path / "toy_noises.py").write_text(f"open('imported', 'w').close()\n{NOISE}")
    (tmp_path / "own" / "noise" / "toy_noises.yaml").write_text("_target_: toy_noises.salt\nshare: 0.5\n")
    code, _, err = pcsweep(f"--config-dir own study=own {STORED}")
    assert code == 0, err
    few = ["study=own", "resamples=20", "permutations=20", "gallery=1"]
    for words, drawn in ((few, False), ([*few, "extensions=other"], False), ([*few, "extensions=[toy_noises]"], True)):
        Path("imported").unlink(missing_ok=True)
        monkeypatch.delitem(sys.modules, "toy_noises", raising=False)
        assert report(words) == 0
        page = Path("outputs/own/report.html").read_text(encoding="utf-8")
        assert ("Computed anew" in page, NEEDED in page, Path("imported").exists()) == (drawn, not drawn, drawn)
    (shard,) = Path("outputs/own/shards").glob("*.parquet")
    for more, drawn in (([], False), (["extensions=[]"], False), (["extensions=[toy_noises, other]"], True)):
        Path("imported").unlink(missing_ok=True)
        monkeypatch.delitem(sys.modules, "toy_noises", raising=False)
        words = ["study=own", f"identity={shard.stem[:8]}", "steps=0", *more]
        if drawn:
            show(words)
        else:
            with pytest.raises(BadSetting, match=re.escape(NEEDED)):
                show(words)
        assert (Path("show.png").exists(), Path("imported").exists()) == (drawn, drawn)
    capfd.readouterr()
    for words in ([*few, "extensions=[3]"], [*few, "extensions=a,a"], [*few, "extensions=pcsweep.noise"]):
        assert report(words) == 2
        assert "Expected `extensions` to be" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("metrics=[iou,iou]", "metrics"),
        ("metrics=[iou,mass,iou]", "metrics"),
        ("thresholds=[0.3,0.30]", "thresholds"),
        ("pcoder.active=[1,1]", "pcoder.active"),
    ],
)
def test_a_value_given_twice_is_refused(pcsweep, word, name):
    code, _, err = pcsweep(f"dataset.limit=2 timesteps=0 {word}")
    assert code == 2
    assert f"Expected `{name}` to be " in err
    assert "different" in err
    assert not list(Path("outputs").rglob("*.parquet"))


def test_one_threshold_needs_no_list_and_equal_coefficients_are_no_repetition(pcsweep):
    code, _, err = pcsweep(f"{SMALL} thresholds=0.3 pcoder.beta=[0.4,0.4,0.4,0.4]")
    assert code == 0, err


def test_faults_of_ours_are_none_of_the_words():
    with pytest.raises(KeyError) as caught:
        words_of(["study=a"], ["study"])["beta"]
    assert message(caught.value) is None
    assert message(BadSetting("Expected it.")) == "Expected it."


def test_suggestions_begin_with_the_same_last_part():
    there = ["pcoder", "pcoder.beta", "noise.sigma", "timesteps"]
    assert suggestions("beta", there) == ["pcoder.beta"]
    assert suggestions("timestep", there) == ["timesteps"]
    assert suggestions("zzz", there) == []
