"""The launcher's settings: wrong ones are named with what is allowed, and `auto` is decided."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from toy_slurm import answering, without_slurm

from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.sweep.executor.local import gpus_here
from pcsweep.sweep.settings import checked_settings


@pytest.fixture(scope="module")
def given():
    """The settings as Hydra hands them over, changed."""
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        launcher = compose("config", return_hydra_config=True).hydra.launcher
    plain = {key: launcher._get_node(key)._value() for key in launcher if key not in ("_target_", "submitit_folder")}
    plain = {key: OmegaConf.create(value) if isinstance(value, dict | list) else value for key, value in plain.items()}
    return lambda **changed: {**plain, "submitit_folder": "/nowhere", **changed}


def test_the_settings_of_the_configuration_are_allowed(given, tmp_path, monkeypatch):
    without_slurm(monkeypatch, tmp_path)
    found = checked_settings(given())
    assert (found.points_per_pack, found.points_per_job, found.workers, found.name) == (8, "auto", "auto", None)
    assert (found.where, found.resources.asked) == ("this machine", {"workers": "auto"})


def test_each_executor_is_asked_in_its_own_words(given, tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path, sbatch="echo slurm-wlm 22")
    found = checked_settings(given(executor="slurm", partition="gpu"))
    assert (found.where, found.resources.cores, found.resources.gpus) == ("partition gpu", 4, 1)
    assert {"timeout_min", "cpus_per_task", "mem_gb", "setup", "partition"} <= set(found.resources.asked)
    monkeypatch.setenv("FOLDER_QUEUE", str(tmp_path))
    found = checked_settings(given(executor="folder_queue.Folder", partition="gpu"))
    assert (found.where, found.resources.cores, found.resources.gpus) == ("a folder for 240 minutes", 2, 0)
    assert found.resources.asked == {"minutes": 240}
    with pytest.raises(BadSetting, match="Expected `hydra.launcher.qos` to be null in a folder, but got high"):
        checked_settings(given(executor="folder_queue.Folder", qos="high"))
    monkeypatch.delenv("FOLDER_QUEUE")
    with pytest.raises(BadSetting, match="`hydra.launcher.executor=folder_queue.Folder`, but FOLDER_QUEUE is not set; try local"):
        checked_settings(given(executor="folder_queue.Folder"))


@pytest.mark.parametrize(
    ("script", "executor"), [("echo slurm-wlm 22", "slurm"), ("echo 'no configuration' >&2; exit 1", "local"), (None, "local")]
)
def test_auto_is_slurm_where_there_is_one(given, tmp_path, monkeypatch, script, executor):
    without_slurm(monkeypatch, tmp_path)
    if script:
        answering(monkeypatch, tmp_path, sbatch=script)
    assert checked_settings(given(executor="auto")).executor == executor
    assert checked_settings(given(executor="local")).executor == "local"
    if executor == "local":
        with pytest.raises(BadSetting, match=r"`hydra.launcher.executor=slurm`.*; try local"):
            checked_settings(given(executor="slurm"))
    else:
        assert checked_settings(given(executor="slurm")).executor == "slurm"


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("executor", "cloud", "'auto', 'slurm' or 'local', but got 'cloud'"),
        ("points_per_pack", 0, "greater than or equal to 1, but got 0"),
        ("points_per_pack", "auto", "a valid integer"),
        ("points_per_job", 0, "'auto' or greater than or equal to 1, but got 0"),
        ("points_per_job", "some", "'auto' or a valid integer"),
        ("target_minutes", 0, "greater than 0, but got 0"),
        ("workers", -1, "'auto' or greater than or equal to 1, but got -1"),
        ("array_parallelism", 0, "greater than or equal to 1"),
        ("max_num_timeout", -1, "greater than or equal to 0"),
        ("max_mem_gb", 0, "greater than or equal to 1, but got 0"),
        ("max_failures", 0, "'never' or greater than or equal to 1, but got 0"),
        ("max_failures", "always", "'never' or a valid integer"),
        ("timeout_min", 0, "greater than or equal to 1"),
        ("wait", "perhaps", "a valid boolean"),
        ("name", "two words", "match pattern"),
        ("name", "a\n", "match pattern"),
        ("nodes", 2, "to be 1, for a task is one process, but got 2"),
        ("tasks_per_node", 2, "to be 1, for a task is one process, but got 2"),
        ("partition", "a\nb", "no control characters"),
        ("setup", ["a", "b\0"], "`hydra.launcher.setup.1` to have no control characters"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(given, key, value, allowed):
    value = OmegaConf.create(value) if isinstance(value, list) else value
    with pytest.raises(BadSetting) as refused:
        checked_settings(given(executor="local", **{key: value}) if key != "executor" else given(executor=value))
    assert f"Expected `hydra.launcher.{key}" in str(refused.value)
    assert allowed in str(refused.value)


@pytest.mark.parametrize(
    ("visible", "count", "named"),
    [
        (None, 2, ["0", "1"]),
        ("", 0, []),
        ("3,5", 2, ["3", "5"]),
        ("GPU-1a,GPU-2b", 2, ["GPU-1a", "GPU-2b"]),
        ("0,1", 1, ["0"]),
        (None, 0, []),
    ],
)
def test_the_gpus_that_are_visible_here(monkeypatch, visible, count, named):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr("torch.cuda.device_count", lambda: count)
    assert gpus_here() == named


def test_memory_grows_as_far_as_may_be_in_the_executors_own_words(given, tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path, sbatch="echo slurm-wlm 22")
    found = checked_settings(given(executor="slurm"))
    assert (found.memory, found.most_memory, found.resources.asked["mem_gb"]) == (16, 64, 16)
    assert found.with_memory(32).resources.asked == {**found.resources.asked, "mem_gb": 32}
    assert found.with_memory(None) is found
    assert checked_settings(given(executor="slurm", max_mem_gb=20)).most_memory == 20
    assert checked_settings(given(executor="slurm", max_mem_gb=8)).most_memory == 16
    assert checked_settings(given(executor="slurm", mem_gb=None)).memory is None
