"""What sbatch is told: the shape of arrays, flags, environment and dependencies; its refusals in its own words."""

import heapq
import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from submitit.core.utils import DelayedSubmission
from toy_slurm import answering

from pcsweep.sweep import start as start_of_tasks
from pcsweep.sweep.executor.protocol import Arrays, Order, Refused, arrays_of
from pcsweep.sweep.executor.slurm import Slurm
from pcsweep.sweep.executor.slurm.submission import resources, submit
from pcsweep.sweep.snapshot import FrozenTask, Snapshot

SBATCH = """\
count=$(cat "$here/count" 2>/dev/null || echo 0)
cp "$1" "$here/script.$count"
env > "$here/env.$count"
echo $((count + 1)) > "$here/count"
if [ "$count" = "$(cat "$here/refuses" 2>/dev/null)" ]; then
    echo 'sbatch: error: Batch job submission failed: Invalid qos' >&2
    exit 1
fi
echo "Submitted batch job $((70 + count))"
"""


def work():
    return 1


@pytest.fixture
def sbatch(tmp_path, monkeypatch):
    return answering(monkeypatch, tmp_path / "commands", sbatch=SBATCH, srun="exit 1")


def send(folder, sizes=(1,), asked=(), names=None, at_once=None, active=None):
    """Yields arrays of so many tasks; asked for are these settings of the launcher."""
    names = names or [f"study-{number}" for number in range(len(sizes))]
    arrays = Arrays(tuple(sizes), tuple(at_once or [4] * len(sizes)), active or len(sizes))
    return submit(Order([work] * sum(sizes), resources(dict(asked)), folder, names, arrays, 3))


def flags(commands, number=0):
    """What the script asks for, as Slurm reads it."""
    lines = [line for line in script(commands, number).splitlines() if line.startswith("#SBATCH ")]
    words = [word for line in lines for word in shlex.split(line.removeprefix("#SBATCH "))]
    assert len(words) == len(lines)
    return {name.removeprefix("--"): value for name, _, value in (word.partition("=") for word in words)}


def script(commands, number=0):
    return (commands / f"script.{number}").read_text()


def environment(commands, number=0):
    return dict(line.partition("=")[::2] for line in (commands / f"env.{number}").read_text().splitlines())


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 3000), st.integers(1, 1200), st.integers(1, 100))
def test_arrays_hold_every_task_and_never_more_run_than_may(tasks, most, parallelism):
    made = arrays_of(tasks, most, parallelism)
    assert sum(made.sizes) == tasks
    assert max(made.sizes) <= most
    assert min(made.sizes) >= 1
    assert min(made.at_once) >= 1
    assert len(made.at_once) == len(made.sizes)
    for start in range(len(made.sizes) - made.active + 1):
        assert sum(made.at_once[start : start + made.active]) <= parallelism


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 8), st.integers(1, 6))
def test_with_tasks_of_any_length_never_more_run_than_may(lengths, most, parallelism):
    made = arrays_of(len(lengths), most, parallelism)
    left, ends, events = list(lengths), [], []
    for number, (size, at_once) in enumerate(zip(made.sizes, made.at_once, strict=True)):
        begin = ends[number - made.active] if number >= made.active else 0
        busy = [begin] * at_once
        for length in left[:size]:
            start = heapq.heappop(busy)
            heapq.heappush(busy, start + length)
            events += [(start, 1), (start + length, -1)]
        del left[:size]
        ends.append(max(busy))
    running = 0
    for _, change in sorted(events):
        running += change
        assert running <= parallelism


def test_what_is_asked_for_has_the_launchers_names():
    asked = resources({"cpus_per_task": 4, "partition": "gpu", "qos": None, "timeout_min": 9, "executor": "auto", "name": "x"})
    assert {"cpus_per_task", "partition", "timeout_min"} <= set(asked)
    assert not {"qos", "executor", "name"} & set(asked)


@pytest.mark.parametrize(
    ("asked", "cores", "gpus"),
    [
        ({}, 1, 0),
        ({"cpus_per_task": 4, "gpus_per_node": 2}, 4, 2),
        ({"gpus_per_node": 0}, 1, 0),
        ({"gpus_per_node": None}, 1, 0),
        ({"gpus_per_node": 0, "gres": "gpu:1"}, 1, 1),
    ],
)
def test_the_cores_and_gpus_of_a_task(asked, cores, gpus):
    found = Slurm().resources(asked)
    assert (found.cores, found.gpus) == (cores, gpus)


@pytest.mark.parametrize("given", [{"gpus_per_node": 0}, {"gpus_per_node": None}, {}])
def test_no_gpu_is_asked_for_in_no_words(given):
    assert not any("gpu" in key for key in resources(given))
    assert resources({"gpus_per_node": 2})["gpus_per_node"] == 2


@pytest.mark.parametrize(
    ("extra", "wanted"),
    [
        ({}, True),
        ({"mail-type": "END"}, True),
        ({"requeue": True}, True),
        ({"requeue": False}, False),
        ({"no-requeue": True}, False),
        ({"no_requeue": True}, False),
    ],
)
def test_tasks_are_queued_again_unless_that_is_not_wanted(extra, wanted):
    asked = resources({"additional_parameters": extra})["additional_parameters"]
    assert ("requeue" in asked, "no-requeue" in asked) == (wanted, not wanted)
    assert all(asked[key] == value for key, value in extra.items() if key == "mail-type")


@pytest.mark.parametrize("word", ["dependency", "array", "job_name", "job-name", "output", "time"])
def test_what_the_launcher_sets_itself_is_refused(word):
    with pytest.raises(ValueError, match=f"without {word.replace('_', '-')}, which the launcher sets itself"):
        resources({"additional_parameters": {word: "x"}})


def test_a_step_has_as_many_cores_as_its_task():
    line = 'export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"'
    assert resources({"cpus_per_task": 4, "setup": ["module load cuda"]})["setup"] == [line, "module load cuda"]
    assert resources({"setup": ["module load cuda"]})["setup"] == ["module load cuda"]


def test_the_script_asks_for_what_was_set(sbatch, tmp_path):
    asked = {
        "timeout_min": 90, "cpus_per_task": 4, "gpus_per_node": 2, "mem_gb": 16, "partition": "gpu", "account": "my lab",
        "constraint": "a100|h100", "exclude": "node[07,12]", "signal_delay_s": 60, "setup": ["module load cuda"],
        "additional_parameters": {"mail-type": "END,FAIL"}, "nodes": 1, "tasks_per_node": 1,
    }  # fmt: skip
    ((first, *_),) = send(tmp_path / "study", [3], asked, ["study-ab12-0"], at_once=[2])
    found = flags(sbatch)
    expected = {
        "time": "90", "cpus-per-task": "4", "gpus-per-node": "2", "mem": "16GB", "partition": "gpu", "account": "my lab",
        "constraint": "a100|h100", "exclude": "node[07,12]", "signal": "USR2@60", "mail-type": "END,FAIL", "nodes": "1",
        "ntasks-per-node": "1", "array": "0-2%2", "job-name": "study-ab12-0", "requeue": "", "open-mode": "append",
    }  # fmt: skip
    assert {name: found.get(name) for name in expected} == expected
    assert "dependency" not in found
    assert first.job_id == "70_0"
    lines = script(sbatch).splitlines()
    assert lines.index("module load cuda") < next(number for number, line in enumerate(lines) if line.startswith("srun"))


def test_a_single_task_is_no_array(sbatch, tmp_path):
    ((job,),) = send(tmp_path / "study")
    assert "array" not in flags(sbatch)
    assert job.job_id == "70"


@pytest.mark.parametrize("name", ["two words", "it's", 'the "best"', "a;b&c", "$HOME `id`", "β=0.5,[λ]", "-x", "#1"])
def test_a_folder_of_any_name_reaches_slurm_as_it_is(sbatch, tmp_path, name):
    folder = tmp_path / name
    list(send(folder, [2]))
    assert flags(sbatch)["output"] == f"{folder}/%A_%a_0_log.out"
    assert flags(sbatch)["error"] == f"{folder}/%A_%a_0_log.err"
    (line,) = [line for line in script(sbatch).splitlines() if line.startswith("srun")]
    assert shlex.split(line)[-1] == str(folder)
    assert {path.name for path in folder.glob("*.pkl")} == {"70_0_submitted.pkl", "70_1_submitted.pkl"}


def test_a_folder_that_slurm_cannot_name_is_refused(sbatch, tmp_path):
    with pytest.raises(ValueError, match="Expected a folder without '%', which Slurm replaces"):
        next(send(tmp_path / "100%j"))
    with pytest.raises(ValueError, match="after which Slurm replaces nothing"):
        next(send(tmp_path / "a\\b"))
    with pytest.raises(ValueError, match="whose name is text"):
        next(send(tmp_path / "a\udcff"))
    with pytest.raises(ValueError, match="Expected `output_root` to have no control characters"):
        next(send(tmp_path / "a\nb"))
    with pytest.raises(ValueError, match="Expected `hydra.launcher.name.0` to have no control characters"):
        next(send(tmp_path / "study", names=["a\n#SBATCH --uid=0"]))
    assert not (sbatch / "count").exists()


def test_scripts_and_logs_are_their_owners_alone(sbatch, tmp_path):
    list(send(tmp_path / "study"))
    assert stat.S_IMODE((tmp_path / "study").stat().st_mode) == 0o700


def test_another_jobs_environment_is_not_handed_on(sbatch, tmp_path, monkeypatch):
    inherited = {"SLURM_JOB_ID": "1", "SLURM_CPUS_PER_TASK": "64", "SLURM_ARRAY_TASK_ID": "2", "SLURMD_NODENAME": "n1"}
    kept = {"SLURM_CONF": "/etc/slurm.conf", "MY_OWN": "SLURM"}
    for name, value in {**inherited, **kept}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    submitting = send(tmp_path / "study", [1, 1])
    next(submitting)
    assert dict(os.environ) == before  # between two arrays as well
    list(submitting)
    assert dict(os.environ) == before
    for number in (0, 1):
        handed = environment(sbatch, number)
        assert not set(inherited) & set(handed)
        assert {name: handed.get(name) for name in kept} == kept


def test_a_setting_wins_over_a_variable_of_sbatch_and_what_is_not_set_is_left_to_it(sbatch, tmp_path, monkeypatch):
    for name in ("PARTITION", "ACCOUNT", "TIMELIMIT", "OUTPUT", "REQUEUE", "JOB_NAME", "EXPORT"):
        monkeypatch.setenv(f"SBATCH_{name}", "theirs")
    list(send(tmp_path / "study", asked={"partition": "gpu", "account": None}))
    assert {name for name in environment(sbatch) if name.startswith("SBATCH_")} == {"SBATCH_ACCOUNT", "SBATCH_EXPORT"}


@pytest.mark.parametrize("active", [1, 2, 3])
def test_a_later_array_waits_for_the_one_so_many_before_it(sbatch, tmp_path, active):
    jobs = list(send(tmp_path / "study", [2, 2, 1], active=active))
    assert [each[0].job_id.partition("_")[0] for each in jobs] == ["70", "71", "72"]
    waits = [flags(sbatch, number).get("dependency") for number in range(3)]
    assert waits == [None if number < active else f"afterany:{70 + number - active}" for number in range(3)]
    assert [flags(sbatch, number)["job-name"] for number in range(3)] == ["study-0", "study-1", "study-2"]


def test_a_refusal_has_slurms_words_and_comes_after_what_was_taken(sbatch, tmp_path, capfd):
    (sbatch / "refuses").write_text("1")
    submitting = send(tmp_path / "study", [2, 2, 2])
    assert [job.job_id for job in next(submitting)] == ["70_0", "70_1"]
    with pytest.raises(Refused, match="^sbatch: error: Batch job submission failed: Invalid qos$"):
        next(submitting)
    assert (sbatch / "count").read_text() == "2\n"
    assert "Traceback" not in capfd.readouterr().err


def test_without_srun_nothing_is_sent(tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path / "commands", sbatch=SBATCH)
    monkeypatch.setenv("PATH", str(tmp_path / "commands"))
    with pytest.raises(Refused, match="srun"):
        next(send(tmp_path / "study"))


def test_frozen_tasks_start_with_their_code_before_all_else(sbatch, tmp_path, monkeypatch):
    code = Snapshot(tmp_path / "it's" / "code", "ab12")
    tasks = [FrozenTask(work, code)] * 2
    asked = resources({"cpus_per_task": 2, "setup": ["module load cuda"]})
    list(submit(Order(tasks, asked, tmp_path / "study", ["study-0"], Arrays((2,), (2,), 1), 3)))
    text = script(sbatch)
    variable = text.index("PCSWEEP_START=")
    assert variable < text.index("module load cuda") < text.index("srun ")
    (line,) = [line for line in text.splitlines() if line.startswith("srun")]
    words = shlex.split(line)
    program = [sys.executable, "-u", "-c", "$PCSWEEP_START", str(code.folder), "ab12"]
    start = words.index(sys.executable)
    assert words[start : start + 6] == program
    assert words[-1] == str(tmp_path / "study")
    done = subprocess.run(
        ["bash", "-c", f'{text[variable : text.index("export SRUN")]}printf %s "$PCSWEEP_START"'], capture_output=True, text=True
    )
    assert done.stdout == Path(start_of_tasks.__file__).read_text()
    assert asked["setup"][-1] == "module load cuda"  # what is shown of it is as it was
    assert DelayedSubmission.load(tmp_path / "study" / "70_0_submitted.pkl").function is work
