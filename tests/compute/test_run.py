"""From the command line to shards: what is computed, what is not computed again, and what is refused."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from commands import DEVNULL, PIPE, run, start
from configured import LOADED, compute
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from stored import all_shards

from pcsweep.config.errors import BadSetting
from pcsweep.grid.composed import point_from
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import plan
from pcsweep.study import shards
from pcsweep.study.folder import study_folder
from pcsweep.study.plans import planned

SMALL = ["dataset.limit=4", "timesteps=1"]


@pytest.fixture
def config(tmp_path):
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        yield lambda *words: compose("config", overrides=[*SMALL, f"output_root={tmp_path}", *words])


def pcsweep(*words, folder):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "default"}
    return run(*words, *SMALL, folder=folder, environment=environment)


def identity(config):
    return shards.identity(point_from(config, LOADED).decisive(LOADED))


def table(folder):
    return {shard.path.name: shard.table for shard in all_shards(folder)}


def test_a_sweep_from_another_folder_leaves_its_shards_and_computes_them_once(tmp_path):
    words = ["-m", "noise.sigma=0.1,0.6", "pcoder.beta=range(0,1,0.1)"]
    first = pcsweep(*words, folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "0 of 20 already done, 0 skipped (β + λ > 1), 20 to run" in first.stdout
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs/default/shards").glob("*.parquet")}
    assert len(files) == 20
    shard = shards.read(next(iter(files)))
    assert shard.table.num_rows == 4 * 2
    assert OmegaConf.create(shard.metadata["config"]).timesteps == 1
    assert {"host", "libraries", "seconds", "git", "code_version"} <= set(shard.metadata)
    second = pcsweep(*words, folder=tmp_path)
    assert "20 of 20 already done, 0 skipped (β + λ > 1), 0 to run" in second.stdout
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs/default/shards").glob("*.parquet")}


def test_a_cell_beyond_one_is_skipped_and_counted(tmp_path):
    done = pcsweep("pcoder.beta=0.5,0.9", "-m", "pcoder.lambda=0.2", folder=tmp_path)  # -m may stand anywhere
    assert done.returncode == 0, done.stderr
    assert "0 of 2 already done, 1 skipped (β + λ > 1), 1 to run" in done.stdout
    assert len(list((tmp_path / "outputs/default/shards").glob("*.parquet"))) == 1


def test_one_bad_point_refuses_the_sweep_before_any_is_run(tmp_path):
    refused = pcsweep("-m", "pcoder.beta=0.5,1.3,0.6", folder=tmp_path)
    assert refused.returncode == 2
    assert "point 1: Expected `beta` to be in [0, 1], but got 1.3." in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model=foo", "Available options in 'model'"),
        ("noise.sgima=1", "Unknown setting `noise.sgima`. Did you mean `noise.sigma`? Valid ones: `noise.sigma`"),
        ("study=a/b", "Expected `study` to be a name"),
        ("pcoder.beta.1=0.3", "Expected `pcoder.beta` to be a list that has an element 1; give the whole list before it"),
        ("model.weights=nope.safetensors", "there is no file 'nope.safetensors'"),
        ("output_root=/dev/null", "to be a folder that can be written"),
    ],
)
def test_a_wrong_word_ends_with_code_2_and_one_message(tmp_path, word, message):
    refused = pcsweep(word, folder=tmp_path)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr + refused.stdout
    assert not list(tmp_path.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("noise.sigma=-1", "Expected `noise.sigma` to be greater than or equal to 0, but got -1"),
        ("noise.sigma=inf", "Expected `noise.sigma` to be a finite number"),
        ("noise.space=rgb", "to be 'normalized' or 'pixel', but got 'rgb'"),
        ("timesteps=-1", "Expected `timesteps` to be greater than or equal to 0, but got -1"),
        ("threshold=1.5", "Expected `threshold` to be less than or equal to 1"),
        ("pcoder.beta=1.3", r"Expected `beta` to be in \[0, 1\], but got 1.3"),
        ("pcoder.beta=[0.1,0.2]", "Expected `beta` to be one number or 4, one per pcoder, but got 2"),
        ("pcoder.active=[5]", "all or different numbers from 1 to 4"),
        ("hyperparameter=predify", "one per pcoder, but got 5"),
        ("batch_size=0", "Expected `batch_size`"),
        ("metrics=[iuo]", "Expected `metrics` to be 'iou', 'pointing', 'mass', 'rank'"),
        ("attribution.target=loudest", "Expected `attribution.target` to be 'label', 'predicted'"),
        ("attribution.layer=nope", "Expected `layer` to be null, all or one of the head's modules"),
        ("dataset.limit=501", "at most the dataset's 500 images, but got 501"),
        ("device=cuda:99", "Expected `device` to be auto or cpu"),
        ("device=tpu", "Expected `device` to be auto, cpu, cuda or cuda:N, but got 'tpu'"),
        ("noise._target_=os.system", "Expected `noise._target_` to be pcsweep.noise.<file>.<function>, but got 'os.system'"),
        ("noise._target_=pcsweep.study.run", "Expected `noise._target_`"),
        ("noise._target_=pcsweep.noise.gaussian.torch", "Expected `noise._target_` to be a function or class of"),
        ("noise._target_=pcsweep.noise.nope.nope", "there is no pcsweep.noise.nope"),
        ("+noise.nested={_target_:os.system}", "another at `noise.nested._target_`"),
        ("+noise.amount=3", "Unknown setting `noise.amount`. Valid ones: `noise.sigma`"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(config, word, message):
    with pytest.raises(BadSetting, match=message):
        point_from(config(word), LOADED)


DECIDES = [
    "pcoder.beta=0.7", "pcoder.lambda=0.05", "pcoder.alpha=0.02", "pcoder=unscaled", "pcoder.active=[1]", "noise.sigma=0.3",
    "noise.space=pixel", "noise.clip=true", "noise.seed=1", "noise=none", "seed=1", "timesteps=2", "threshold=0.4",
    "thresholds=[0.1]", "metrics=[iou]", "precision=bf16", "dataset.limit=5", "dataset.split=train", "dataset.seed=1",
    "dataset.count=400", "attribution.target=predicted", "attribution.layer=pool", "model.weights=random",
]  # fmt: skip


def test_identity_changes_exactly_for_what_decides_a_number(config):
    identities = [identity(config(word)) for word in DECIDES]
    same = identity(config())
    assert len({same, *identities}) == len(DECIDES) + 1
    for word in ("batch_size=3", "device=cpu", "study=other", "pcoder.beta=0.8000000000000002", "pcoder.active=[4,3,2,1]"):
        assert identity(config(word)) == same
    assert identity(config("pcoder.beta=[0.8,0.8,0.8,0.8]")) == same


def test_where_things_lie_is_no_part_of_identity(config, tmp_path):
    from pcsweep.model import pminivgg

    elsewhere = tmp_path / "copy.safetensors"
    elsewhere.write_bytes(Path(pminivgg.__file__).with_suffix(".safetensors").read_bytes())
    assert identity(config(f"model.weights={elsewhere}")) == identity(config())


def test_batch_size_changes_no_number(config, tmp_path):
    found = []
    for size in (1, 3, 12):
        words = [f"study=b{size}", f"batch_size={size}", "dataset.limit=12", "timesteps=4", "noise.sigma=0.8"]
        compute(config(*words))
        found.extend(table(tmp_path / f"b{size}" / "shards").values())
    first, *others = found
    for other in others:
        assert other.equals(first)


def test_an_image_has_the_same_rows_to_the_bit_whatever_images_are_with_it(config, tmp_path):
    rows = {}
    for limit in (3, 12, 21):
        compute(config(f"study=l{limit}", f"dataset.limit={limit}", "timesteps=4", "noise.sigma=0.8"))
        (rows[limit],) = table(tmp_path / f"l{limit}" / "shards").values()
    assert rows[21].slice(0, 12 * 5).equals(rows[12])
    assert rows[21].slice(0, 3 * 5).equals(rows[3])


def test_one_element_of_a_list_is_set_by_its_position(config):
    given = point_from(config("pcoder.beta=[0.2,0.4,0.4,0.6]", "pcoder.beta.1=0.1"), LOADED)
    assert [rule[0] for rule in given.asked] == [0.2, 0.1, 0.4, 0.6]
    stretched = point_from(
        config("hyperparameter=hps_0", "pcoder.beta.0=0.1"), LOADED
    )  # of the five values, then stretched over four
    assert [rule[0] for rule in stretched.asked] == pytest.approx([0.1, 0.4, 0.4 + 0.2 / 3, 0.6])


def test_a_list_beside_a_set_of_coefficients_replaces_its_own(config):
    given = point_from(config("hyperparameter=hps_0", "pcoder.beta=[0.2,0.3,0.4,0.5]"), LOADED)
    assert [rule[0] for rule in given.asked] == [0.2, 0.3, 0.4, 0.5]
    assert [rule[1] for rule in given.asked] == pytest.approx([0.05, 0.1, 0.1, 0.0])


@pytest.mark.parametrize(("word", "expected"), [("[1,3]", (1, 3)), ("2", (2,)), ("all", (1, 2, 3, 4))])
def test_active_pcoders_by_number_or_list(config, word, expected):
    assert point_from(config(f"pcoder.active={word}"), LOADED).active == expected


def test_the_last_lambda_is_stored_as_it_counts(config, tmp_path):
    for lambda_ in (0.1, 0.2):
        compute(config("pcoder.active=4", f"pcoder.lambda={lambda_}"))
    first, second = table(tmp_path / "default" / "shards").values()
    assert first["lambda_n"].to_pylist()[0] == [0, 0, 0, 0]
    assert {first["lambda"][0].as_py(), second["lambda"][0].as_py()} == {0.1, 0.2}
    assert first.drop_columns(["lambda"]).equals(second.drop_columns(["lambda"]))


def test_rows_and_columns(config, tmp_path):
    compute(config("pcoder.active=[2]", "pcoder.beta=[0.1,0.2,0.3,0.4]", "metrics=[iou]", "noise=none"))
    (rows,) = table(tmp_path / "default" / "shards").values()
    first = rows.to_pylist()[0]
    assert (first["model"], first["dataset"], first["noise"], first["sigma"]) == ("pminivgg", "shapes", "none", 0.0)
    assert (first["pcoder"], first["beta"], first["lambda"], first["alpha"]) == ("2", 0.2, 0.1, 0.01)
    assert first["beta_n"] == [1, 0.2, 1, 1]
    assert first["lambda_n"] == [0, 0.1, 0, 0]
    assert first["mass"] is None
    assert len(first["iou_at"]) == 12
    assert first["iou_at"][7] == first["iou"]
    assert first["found_at"] == sorted(first["found_at"], reverse=True)
    assert (len(first["found_at"]), first["pixels"]) == (12, 64 * 64)
    assert first["target"] == first["class_index"]
    assert rows["timestep"].to_pylist() == [0, 1] * 4
    assert sum(rows["correct"].to_pylist()) >= 6


def test_the_control_is_flat(config, tmp_path):
    compute(config("pcoder.beta=1", "pcoder.lambda=0", "pcoder.alpha=0", "timesteps=3"))
    (rows,) = table(tmp_path / "default" / "shards").values()
    iou = rows["iou"].to_numpy().reshape(4, 4)
    assert np.array_equal(iou, np.repeat(iou[:, :1], 4, axis=1))


def test_predicted_targets_are_the_predicted_classes(config, tmp_path):
    compute(config("attribution.target=predicted_at_0", "noise.sigma=3", "timesteps=3"))
    (rows,) = table(tmp_path / "default" / "shards").values()
    target = rows["target"].to_numpy().reshape(4, 4)
    assert (target == target[:, :1]).all()


def test_a_damaged_shard_is_said_and_computed_again(config, tmp_path, caplog):
    caplog.set_level("INFO")
    compute(config())
    (path,) = (tmp_path / "default" / "shards").glob("*.parquet")
    good = shards.read(path).table
    path.write_bytes(path.read_bytes()[:-200])
    assert plan([config()], [0]).waiting == (0,)
    assert "Computing again" in caplog.text
    compute(config())
    assert shards.read(path).table.equals(good)
    assert len(list((path.parent.parent / "damaged").iterdir())) == 1


def test_an_interruption_leaves_whole_shards_and_says_how_to_go_on(tmp_path):
    words = ["-m", "noise.sigma=0.1,0.2,0.3", "pcoder.beta=range(0,1,0.1)", "dataset.limit=24", "timesteps=4"]
    # Points that last long enough for a busy machine to notice the third of thirty.
    child = start(*words, folder=tmp_path, stderr=PIPE, stdout=DEVNULL)
    deadline = time.monotonic() + 90
    while len(list(tmp_path.rglob("*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == 130, stderr
    assert "python -m pcsweep -m noise.sigma=0.1,0.2,0.3 'pcoder.beta=range(0,1,0.1)' dataset.limit=24 timesteps=4" in stderr
    found = list(all_shards(tmp_path / "outputs/default/shards"))
    assert 3 <= len(found) < 30
    assert all(isinstance(shard, shards.Shard) for shard in found)


def test_help_teaches_the_groups(tmp_path):
    shown = pcsweep("--help", folder=tmp_path)
    assert shown.returncode == 0
    for word in ("pcoder.beta", "noise.sigma", "experiment", "hyperparameter", "attribution", "Tab completion"):
        assert word in shown.stdout


def test_points_that_are_refused_alike_are_named_together(config):
    with pytest.raises(BadSetting, match=r"^points 0, 2: Expected `timesteps` .*\npoint 1: Expected `beta`"):
        plan([config("timesteps=-1"), config("pcoder.beta=2"), config("timesteps=-1")], range(3))


def test_without_further_thresholds_there_is_no_further_iou(config, tmp_path):
    compute(config("thresholds=[]"))
    (shard,) = all_shards(tmp_path / "default" / "shards")
    assert shard.table["iou_at"].to_pylist() == [[]] * shard.table.num_rows
    assert shard.table["iou"].null_count == 0


def test_what_no_table_shows_together_is_refused_before_it_is_computed(config, tmp_path):
    compute(config())
    compute(config("noise.sigma=0.3", "pcoder.beta=0.5", "noise.seed=3", "batch_size=3"))  # may differ
    there = plan([config("attribution.target=predicted"), config("model.randomized=head")], range(2))  # may differ
    assert there.waiting == (0, 1)
    before = sorted(tmp_path.rglob("*"))
    for word, said in (
        ("timesteps=2", "`timesteps` is 2 here, and 1 in 2 shards there.*study=NAME.*mixed=true.*timesteps=2"),
        ("dataset.limit=3", "`dataset.limit` is 3 here, and 4 in 2 shards there"),
        ("threshold=0.4", "`threshold` is 0.4 here"),
        ("metrics=[iou]", "`metrics` is"),
    ):
        with pytest.raises(BadSetting, match=said):
            compute(config(word))
        with pytest.raises(BadSetting, match=said):
            plan([config(word, "pcoder.beta=0.1"), config(word)], range(2))
    with pytest.raises(BadSetting, match=r"but `timesteps` is 1 and 2\. Give"):
        plan([config("study=new"), config("study=new", "timesteps=2")], range(2))
    assert sorted(tmp_path.rglob("*")) == before
    compute(config("timesteps=2", "mixed=true"))
    assert plan([config("timesteps=2", "pcoder.beta=0.3"), config("pcoder.beta=0.3")], range(2)).waiting == (0, 1)  # no news


def test_a_note_and_tags_make_no_other_point_and_are_kept(tmp_path):
    words = ["study=noted", "hydra/launcher=local", "pcoder.beta=0.2,0.4"]
    assert pcsweep("-m", *words, folder=tmp_path).returncode == 0
    study = tmp_path / "outputs" / "noted"
    before = {path.name: path.read_bytes() for path in (study / "shards").iterdir()}
    done = pcsweep("-m", *words, 'note="second, with α"', "tags=[alpha,quick]", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name: path.read_bytes() for path in (study / "shards").iterdir()} == before
    assert {str(point.labelling) for point in planned(study / "planned")} == {"second, with α [alpha, quick]"}
    single = pcsweep("study=noted", "pcoder.beta=0.6", "note=alone", folder=tmp_path)
    assert single.returncode == 0, single.stderr
    assert len(list((study / "shards").iterdir())) == 3
    assert "alone" in {point.labelling.note for point in planned(study / "planned")}
    refused = pcsweep("study=noted", "tags=[two words]", folder=tmp_path)
    assert refused.returncode == 2
    assert "Expected `tags` to be a list of words of at most 40 printable characters" in refused.stderr
