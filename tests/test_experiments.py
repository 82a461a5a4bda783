"""Every experiment, small, from its command to its figure."""

import subprocess
from pathlib import Path

import pytest
from commands import run
from configured import LOADED
from hydra import compose, initialize_config_dir

from pcsweep.aggregate.__main__ import main
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder

ROOT = Path(__file__).parents[1]
GRID = ["pcoder.beta=0.2,0.6", "pcoder.lambda=0.2,0.6"]
SMALL = {
    "contrast": ["dataset.limit=2", "timesteps=1", *GRID, "pcoder.kappa=0,0.1", "pcoder.a=0.5,0.9", "noise.sigma=0,0.4"],
    "demo": ["dataset.limit=2", "timesteps=1", *GRID, "noise.sigma=0,0.4"],
    "fig1": ["dataset.limit=3", "timesteps=2"],
    "fig2": ["dataset.limit=4", "timesteps=2"],
    "fig3": ["dataset.limit=2", "timesteps=2", *GRID],
    "fig4": ["dataset.limit=2", "timesteps=2", *GRID, "noise.sigma=0.1,0.6"],
    "real": ["dataset.limit=2", "timesteps=1", *GRID, "noise.sigma=0,0.4"],
    "sanity": [
        "dataset.limit=2",
        "timesteps=1",
        *GRID,
        "noise.sigma=0,0.6",
        "model.randomized=null,head",
        "attribution=grad_cam",
    ],
}
POINTS = {
    "contrast": "0 of 32 already done, 2 skipped",
    "demo": "0 of 8 already done, 2 skipped",
    "fig1": "0 of 1 already done, 0 skipped",
    "fig2": "0 of 2 already done, 0 skipped",
    "fig3": "0 of 16 already done, 4 skipped",
    "fig4": "0 of 8 already done, 2 skipped",
    "real": "0 of 8 already done, 2 skipped",
    "sanity": "0 of 16 already done, 4 skipped",
}
FIGURES = {name: [name] for name in ("fig1", "fig2", "fig3", "fig4")} | {
    "contrast": [
        "heatmap_pcoder.rule-predictive_coding",
        "heatmap_pcoder.rule-adaptation",
        "heatmap_pcoder.form-subtractive_pcoder.rule-surround",
        "lines_pcoder.form-divisive_pcoder.rule-surround",
    ]
}


def test_every_experiment_is_here():
    assert set(SMALL) == {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}


def pcsweep(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(*words, folder=folder)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_an_experiment_runs_on_any_model_and_dataset_and_draws_its_figure(name, tmp_path, monkeypatch, capsys):
    done = pcsweep(f"experiment={name}", "model=pminivgg", "dataset=shapes", *SMALL[name], folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert POINTS[name] in done.stdout  # the command line's values replace the experiment's
    monkeypatch.chdir(tmp_path)
    assert main([f"study={name}", "resamples=10"]) == 0
    figures = [tmp_path / "outputs" / name / "figures" / f"{drawn}.png" for drawn in FIGURES.get(name, ["heatmap"])]
    assert all(figure.stat().st_size > 5000 for figure in figures)
    assert ("λ is inert in 3 cells" in capsys.readouterr().out) == (name == "fig3")


def test_the_pcoders_are_those_of_the_chosen_model(tmp_path):
    words = ["experiment=fig3", "dataset.limit=2", "timesteps=0", "pcoder.beta=1", "pcoder.lambda=0"]
    refused = pcsweep(*words, "model.weights=nope", folder=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr == "pcsweep: Expected `model.weights` to be published, random or a file, but there is no file 'nope'.\n"
    chosen = pcsweep(*words, "pcoder.active=[1,3]", folder=tmp_path)
    assert "0 of 1 already done" in chosen.stdout


@pytest.mark.parametrize(
    ("words", "count"), [([], 500), (["dataset.count=2000"], 2000), (["dataset.limit=30"], 30), (["dataset.limit=null"], 500)]
)
def test_figure_2_takes_2000_images_or_as_many_as_are_generated(words, count):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        config = compose("config", overrides=["experiment=fig2", *words])
    assert len(point_from(config, LOADED).selection(LOADED)) == count


def test_figure_2_takes_2000_images_of_a_dataset_that_is_not_generated():
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        config = compose("config", overrides=["experiment=fig2", "dataset=imagenet_s"])
    assert config.dataset.limit == 2000


def test_help_loads_no_model(tmp_path):
    shown = pcsweep("experiment=fig3", "model.weights=nope", "--help", folder=tmp_path)
    assert shown.returncode == 0
    assert "study: fig3" in shown.stdout
