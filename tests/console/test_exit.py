"""What commands with words instead of a configuration have in common."""

import importlib
import io
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from rich.console import Console

from pcsweep.__main__ import COMMANDS
from pcsweep.aggregate.__main__ import HELP as AGGREGATE
from pcsweep.aggregate.words import parse
from pcsweep.compare.__main__ import HELP as COMPARE
from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import follow, whole_number
from pcsweep.console.words import words_of
from pcsweep.grid.entry import conf_folder
from pcsweep.report.__main__ import HELP as REPORT


def test_a_refusal_is_one_line_an_interruption_130_and_a_fault_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def raising(error: BaseException) -> int:
        def command(words: Sequence[str], console: Console) -> None:
            raise error

        return follow("pcsweep.x", "help", command, ["a=1"])

    assert raising(BadSetting("Expected `a`.")) == 2
    assert capsys.readouterr().err == "pcsweep.x: Expected `a`.\n"
    assert raising(KeyboardInterrupt()) == 130
    assert "interrupted" in capsys.readouterr().err
    with pytest.raises(ValueError, match="shapes"):
        raising(ValueError("shapes do not fit"))


def test_help_is_said_and_nothing_done(capsys: pytest.CaptureFixture[str]) -> None:
    assert follow("x", "what [it] does", lambda words, console: pytest.fail("done"), ["a=1", "--help"]) == 0
    assert capsys.readouterr().out == "what [it] does\n"


def test_letters_that_the_terminal_lacks_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert follow("x", "β", lambda words, console: None, ["-h"]) == 0
    sys.stdout.flush()
    assert written.getvalue() == b"?\n"


@pytest.mark.parametrize("text", ["", "-1", "1.5", "x", "1e3", "0"])
def test_whole_numbers_are_checked(text: str) -> None:
    with pytest.raises(BadSetting, match=f"Expected `n` to be a whole number of at least 1, but got '{text}'"):
        whole_number("n", text, 1)
    assert whole_number("n", "17", 1) == 17


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(BadSetting, match="Expected `study` once"):
        words_of(["study=a", "study=b"], ["study"])


@pytest.mark.parametrize("text", [AGGREGATE, REPORT])
def test_the_metrics_that_help_names_are_taken_and_others_refused_at_once(text: str) -> None:
    told = " ".join(line.strip() for line in text.partition("\nmetric ")[2].partition("\noutput_root")[0].splitlines())
    told = told.partition("\nresamples")[0].partition(" resamples ")[0]
    names = [
        name for name in ("iou", "iou@0.15", "pointing", "mass", "rank", "pxap", "target_probability", "correct") if name in told
    ]
    assert len(names) >= 7
    for name in names:
        assert parse([f"metric={name}"]).metric == name
    for name in ("target_logit", "area", "nonsense"):
        assert f" {name}" not in told
        with pytest.raises(BadSetting, match=f"Expected `metric` to be one of iou, .*, but got '{name}'"):
            parse([f"metric={name}"])


def test_defaults_in_the_help_are_those_of_the_code() -> None:
    options = parse([])
    for text in (AGGREGATE, REPORT, COMPARE):
        assert f"resamples={options.resamples}" in text
        assert f"permutations={options.permutations}" in text
        assert f"seed={options.seed}" in text


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("fetch", "train")])
def test_help_fits_a_terminal(name: str) -> None:
    module = importlib.import_module(
        f"pcsweep.{name}.__main__" if name in ("aggregate", "compare", "export", "report") else f"pcsweep.{name}"
    )
    assert max(len(line) for line in module.HELP.splitlines()) <= 80


@pytest.mark.parametrize("primary", ["config", "train", "fetch"])
def test_the_help_of_hydras_commands_fits_and_explains_every_key(primary: str) -> None:
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        config = compose(primary, return_hydra_config=True)
    text = str(OmegaConf.to_container(config.hydra.help)["template"])
    assert max(len(line) for line in text.splitlines()) <= 80
    for key in config:
        assert key == "hydra" or re.search(rf"^\s+(.*, )?{key}\b", text, re.MULTILINE), key


@pytest.mark.parametrize("name", ["", ".train", ".fetch"])
def test_hydras_help_fits_a_terminal_too(name: str) -> None:
    done = subprocess.run([sys.executable, "-m", f"pcsweep{name}", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "model: pefficientnet_b0, " in done.stdout
    assert "\n       pminivgg, predify_toml, pvgg16, timm\n" in done.stdout
