"""The command that draws one image under one configuration."""

import os
import re
import shutil
import signal
from contextlib import suppress

import pytest
from commands import run, start
from configured import LOADED
from PIL import Image

from pcsweep.compute.choice import image_named
from pcsweep.config.errors import BadSetting
from pcsweep.config.overrides import with_folders_joined
from pcsweep.console.words import completed
from pcsweep.show import requested, show, steps_of, summary
from pcsweep.study import shards

SMALL = ["timesteps=3", "dataset.limit=4"]
FIRST = "test-000221"  # of the selection


def shown(folder, *words, cold=False):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    return run(*words, module="pcsweep.show", folder=folder, environment=environment, cold=cold)


def test_without_words_the_first_image_is_drawn_here_and_nothing_else_is_left(tmp_path):
    done = shown(tmp_path, *SMALL, cold=True)  # what warns when it is imported would be seen
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        rf"Picture: show\.png\n{FIRST}: IoU 0\.\d{{3}} at t = 0,( 0\.\d{{3}} at t = [1-3],)? the best\n", done.stdout
    )
    assert done.stderr == ""
    assert [path.name for path in tmp_path.iterdir()] == ["show.png"]


def test_two_runs_draw_the_same_picture(tmp_path, capsys):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        show([*SMALL, f"output={path}", "image=2", "noise.sigma=0.6"])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_an_animation_has_all_timesteps(tmp_path, capsys):
    show([*SMALL, f"output={tmp_path / 'a.GIF'}", "fps=5"])
    with Image.open(tmp_path / "a.GIF") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (4, 0, 200)


def test_help_has_examples(tmp_path):
    done = shown(tmp_path, "--help")
    assert done.returncode == 0
    assert "study=demo identity=" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_value_ends_with_2_and_one_line(tmp_path):
    for words, message in (
        (["steps=0,99"], "pcsweep: Expected `steps` to be timesteps from 0 to 10"),
        (["dataset=imagenet_s", "dataset.root=/nowhere"], "pcsweep: Expected `dataset.root` to be the folder"),
        (["noise.sigmma=1"], "pcsweep: Unknown setting `noise.sigmma`. Did you mean `noise.sigma`?"),
    ):
        done = shown(tmp_path, *words)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_ends_with_130_and_how_to_go_on(tmp_path):
    words = ["timesteps=10000", "output=a.png"]
    ours, theirs = os.openpty()
    running = start(*words, module="pcsweep.show", folder=tmp_path, stderr=theirs, start_new_session=True)
    os.close(theirs)
    said = b""
    while b"maps" not in said:  # the bar: it is being computed
        said += os.read(ours, 1000)
    running.send_signal(signal.SIGINT)
    with suppress(OSError):  # the end of a terminal
        while read := os.read(ours, 1000):
            said += read
    os.close(ours)
    assert running.wait(timeout=60) == 130
    assert b"to draw it, give the same command again:" in said
    assert b"  python -m pcsweep.show timesteps=10000 output=a.png" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output": "a.jpg"}, r"`output` to be a file that ends in .png, .pdf, .gif, .mp4, but got 'a.jpg'"),
        ({"output": "show"}, "`output` to be a file that ends in .* but got 'show'"),
        ({"output": "nowhere/a.png"}, "folder that can be written, but got 'nowhere/a.png': nowhere: No such file or directory"),
        ({"output": "folder.png"}, "`output` to be a file, but got 'folder.png', which is a folder"),
        ({"fps": "2"}, "`fps` only with an `output` that ends in .gif or .mp4, but got fps=2 for show.png"),
        ({"steps": "1", "output": "a.gif"}, "`steps` only with an `output` that ends in .png or .pdf, but got steps=1 for a.gif"),
        ({"fps": "0", "output": "a.gif"}, "`fps` to be a number of frames per second above 0, at most 50, but got '0'"),
        ({"fps": "nan", "output": "a.gif"}, "`fps` to be .* but got 'nan'"),
        ({"fps": "fast", "output": "a.gif"}, "`fps` to be .* but got 'fast'"),
    ],
)
def test_a_wrong_word_of_its_own_is_refused_before_anything_is_computed(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BadSetting, match=message):
        requested(given)


def test_mp4_wants_ffmpeg_and_says_what_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(BadSetting, match="Expected ffmpeg to be installed for output=a.mp4, .*; output=a.gif needs nothing"):
        requested({"output": "a.mp4"})
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert requested({"output": "a.mp4"}).output.name == "a.mp4"


@pytest.mark.skipif(
    shutil.which("ffmpeg") is None and "PCSWEEP_REQUIRE_FFMPEG" not in os.environ, reason="ffmpeg is not on the PATH"
)
def test_mp4_is_written_where_ffmpeg_is(tmp_path, capsys):
    show([*SMALL, f"output={tmp_path / 'a.mp4'}"])
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-m", "pcoder.beta=0.1"], "words of the form key=value, since one configuration is drawn, but got '-m'"),
        (
            ["pcoder.beta=0.1,0.2"],
            "one value for every key, since one configuration is drawn, but got several: .*pcoder.beta=0.1,0.2",
        ),
        (["pcoder.beta=range(0,1,0.5)"], "one value for every key"),
        (["pcoder.beta=0.9", "pcoder.lambda=0.9"], "Expected coefficients without β . λ > 1, .* but got β=0.9 λ=0.9"),
        (["pcoder.beta=1.3"], r"Expected `beta` to be in \[0, 1\], but got 1.3"),
    ],
)
def test_one_configuration_that_has_a_rule_is_drawn(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadSetting, match=message):
        show(words)


NOISE = "import torch\n\ndef dim(image, generator, *, by: float):\n    return image * (1 - by)\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With a noise of one's own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dimming.py").write_text(NOISE)
    (tmp_path / "my conf" / "noise").mkdir(parents=True)
    (tmp_path / "my conf" / "noise" / "dim.yaml").write_text("_target_: dimming.dim\nby: 0.5\nspace: pixel\n")
    return tmp_path


@pytest.mark.parametrize("option", [["--config-dir", "my conf"], ["--config-dir=my conf"], ["-cd", "my conf"]])
def test_a_noise_of_ones_own_is_drawn_with_its_folder_of_configurations(folder, monkeypatch, capsys, option):
    given = with_folders_joined(["extensions=[dimming]", "noise=dim", *option, *SMALL])
    show(given)
    assert "Picture: show.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--config-dir=nowhere"], "Expected `--config-dir` to be one folder that there is, but got 'nowhere'"),
        (["--config-dir=my conf", "--config-dir=my conf"], "one folder .* but got 'my conf', 'my conf'"),
        (["--config-dir=my conf", "study=x"], "no `--config-dir` with `study` or `identity`"),
    ],
)
def test_another_folder_of_configurations_is_refused(folder, words, message):
    with pytest.raises(BadSetting, match=message):
        show(words)


def test_a_name_alone_is_a_study_and_a_folder_is_none():
    assert completed(with_folders_joined(["--config-dir", "conf", "demo"])) == ["--config-dir=conf", "study=demo"]


PHOTOS = "photos", ("cat/00004677", "cat/1", "dog/1", "17", "7", "dog/00"), (2, 0, 1)


@pytest.mark.parametrize(
    ("text", "image_id"),
    [
        (None, "dog/1"),
        ("0", "dog/1"),
        ("2", "cat/1"),
        ("7", "7"),  # an identifier before a position
        ("dog/00", "dog/00"),  # not in the selection
        ("g/0", "dog/00"),
        ("00004677", "cat/00004677"),  # a part and no position
    ],
)
def test_an_image_is_named_by_identifier_part_or_position(text, image_id):
    assert image_named(text, *PHOTOS) == image_id


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3", "Expected `image` to be a position in the selection, 0 to 2, but got 3"),
        ("bird", r"an image_id of photos or .* but got 'bird': none has it \(there are dog/1, cat/00004677, cat/1\)"),
        ("cat", r"a part of one alone, but got 'cat': 2 have it \(cat/00004677, cat/1\)"),
    ],
)
def test_no_image_or_several_are_refused(text, message):
    with pytest.raises(BadSetting, match=message):
        image_named(text, *PHOTOS)


def test_steps_are_the_usual_ones_and_the_last_or_those_asked_for():
    assert [steps_of(None, timesteps) for timesteps in (0, 3, 8, 10)] == [[0], [0, 1, 2, 3], [0, 1, 2, 4, 8], [0, 1, 2, 4, 8, 10]]
    assert steps_of("3,0,3", 3) == [0, 3]
    for text, wrong in (("0,4", "4"), ("", ""), ("1,,2", ""), ("-1", "-1"), ("1.5", "1.5"), ("a", "a")):
        with pytest.raises(BadSetting, match=f"timesteps from 0 to 3 with commas between them, but got '{wrong}' in '{text}'"):
            steps_of(text, 3)


def test_the_summary_says_what_is_undefined():
    nan = float("nan")
    assert summary({0: 0.5, 1: 0.75, 2: 0.75}) == "IoU 0.500 at t = 0, 0.750 at t = 1, the best"
    assert summary({0: 0.5, 1: 0.25}) == "IoU 0.500 at t = 0, the best"
    assert summary({0: nan, 1: 0.5}) == "IoU undefined at t = 0, 0.500 at t = 1, the best"
    assert summary({0: nan}) == "IoU undefined"
    assert summary({0: None}) == "IoU not measured"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder of the studies, in which `cells` has two shards."""
    root = tmp_path_factory.mktemp("studies")
    words = ["-m", "study=cells", f"output_root={root}", *SMALL, "pictures=1", "noise.sigma=0.1,0.6"]
    done = run(*words, folder=root)
    assert done.returncode == 0, done.stderr
    return root


def names(study):
    return sorted(path.stem for path in (study / "cells/shards").glob("*.parquet"))


def test_a_shards_configuration_is_drawn_with_the_shards_iou(study, tmp_path, capsys):
    for name in names(study):
        show(["study=cells", f"output_root={study}", f"identity={name[:8]}", f"output={tmp_path / 'a.png'}", "image=1"])
        rows = shards.read(study / f"cells/shards/{name}.parquet").table.to_pylist()
        second = [row for row in rows if row["image_id"] == rows[4]["image_id"]]
        assert f"{second[0]['image_id']}: IoU {second[0]['iou']:.3f} at t = 0" in capsys.readouterr().out


def test_a_prefix_that_none_or_two_have_is_refused(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one, other = names(study)
    words = ["study=cells", f"output_root={study}"]
    for prefix, message in (
        (
            "xyz",
            rf"`identity` to be the beginning of .* but got 'xyz': none begins with it \(there are {one[:12]}, {other[:12]}\)",
        ),
        ("", rf"but got '': 2 begin with it \(these are {one[:12]}, {other[:12]}\)"),
        ("../" + one, r"but got '\.\./.*': none begins with it"),
    ):
        with pytest.raises(BadSetting, match=message):
            show([*words, f"identity={prefix}"])
    with pytest.raises(BadSetting, match="Expected `identity` or values of settings, but got both: identity and noise.sigma"):
        show([*words, f"identity={one}", "noise.sigma=0.4"])
    with pytest.raises(BadSetting, match=r"Expected `study` to name a study in .* \(there: cells\), but got 'cell'"):
        show(["study=cell", f"output_root={study}", f"identity={one}"])
    (study / "empty/shards").mkdir(parents=True)
    with pytest.raises(BadSetting, match="Expected `study` to name one with shards, but there are none in"):
        show(["study=empty", f"output_root={study}", f"identity={one}"])
    (study / "empty/shards/abc.parquet").write_text("nothing")
    with pytest.raises(BadSetting, match="Expected `identity` to name a shard that can be read, but .*not a whole Parquet file"):
        show(["study=empty", f"output_root={study}", "identity=a"])


def test_images_that_have_changed_are_said(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(type(LOADED.dataset(shapes_of(study))), "digest", lambda self, index: "changed")
    with pytest.raises(BadSetting, match="weights or images of shard .* have changed .*`selection.images_sha256`"):
        show(["study=cells", f"output_root={study}", f"identity={names(study)[0]}"])


def shapes_of(study):
    from pcsweep.compute.again import point_of

    return point_of(shards.read(study / f"cells/shards/{names(study)[0]}.parquet"), LOADED).dataset
