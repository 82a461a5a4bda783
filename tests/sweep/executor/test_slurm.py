"""What Slurm's commands say, and what is made of it when they say nothing."""

import os
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_slurm import answering, without_slurm

from pcsweep.sweep.executor.protocol import NoAnswer, Queued
from pcsweep.sweep.executor.slurm import commands as slurm

WAITING = ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"]
RUNNING = ["RUNNING", "COMPLETING", "CONFIGURING", "SUSPENDED", "SIGNALING", "STAGE_OUT"]
ENDED = ["COMPLETED", "CANCELLED", "FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "BOOT_FAIL", "DEADLINE"]

WORDS = st.text("abc_-. ([]%=:λ", max_size=8)
ROWS = st.tuples(
    st.integers(1, 10**7).map(str), st.none() | st.integers(0, 999), st.sampled_from(WAITING + RUNNING + ENDED), WORDS,
    st.text("ab|_ ", max_size=8).map(lambda inner: f"<{inner}>"),
)  # fmt: skip


@settings(deadline=None, derandomize=True)
@given(st.lists(ROWS))
def test_the_queue_is_read_as_it_is_written_without_what_has_ended(rows):
    written = "".join(f"{job}|{'N/A' if index is None else index}|{'|'.join(rest)}\n" for job, index, *rest in rows)
    with patch.object(slurm, "_answer", return_value=written):
        found = slurm.queue()
    assert found == [Queued(job, index or 0, name, state, why) for job, index, state, why, name in rows if state not in ENDED]
    assert {task.state for task in found if task.pending} <= set(WAITING)
    assert {task.state for task in found if not task.pending} <= set(RUNNING)


def test_only_ones_own_queue_is_asked_for_whatever_the_taste_in_listings(tmp_path, monkeypatch):
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    folder = answering(
        monkeypatch, tmp_path, squeue='echo "$@" > "$here/words"; env > "$here/env"; echo warning; echo "7|2|RUNNING|None|n"'
    )
    assert slurm.queue() == [Queued("7", 2, "n", "RUNNING", "None")]
    words = (folder / "words").read_text().split()
    assert f"--user={os.getuid()}" in words
    assert "--array" in words
    assert "SQUEUE_FORMAT" not in (folder / "env").read_text()


def test_another_jobs_variables_are_left_out_and_the_clusters_kept(monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURMD_NODENAME", "SQUEUE_ALL", "SCANCEL_USER", "SCONTROL_ALL"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    monkeypatch.setenv("MY_SLURM_JOB", "2")
    kept = slurm.environment()
    there = {name: kept[name] for name in kept if "SLURM" in name and name != "PCSWEEP_REQUIRE_SLURM"}
    assert there == {"SLURM_CONF": "/etc/slurm.conf", "MY_SLURM_JOB": "2"}
    assert set(os.environ) - set(kept) >= {"SLURM_JOB_ID", "SQUEUE_ALL", "SCANCEL_USER", "SCONTROL_ALL"}
    assert kept["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'slurm_load_jobs error: Unable to contact' >&2; exit 1", "^slurm_load_jobs error: Unable to contact$"),
        ("exit 3", "^`squeue` failed with code 3$"),
        ("exec sleep 9", "^`squeue` did not answer within 0.2 s$"),
    ],
)
def test_a_queue_that_cannot_be_read_is_no_empty_queue(tmp_path, monkeypatch, script, said):
    monkeypatch.setattr(slurm, "_SECONDS", 0.2)
    answering(monkeypatch, tmp_path, squeue=script)
    with pytest.raises(NoAnswer, match=said):
        slurm.queue()


def test_without_slurm_there_is_no_answer(tmp_path, monkeypatch):
    without_slurm(monkeypatch, tmp_path)
    assert slurm.unavailable() == "there is no command `sbatch` on the PATH"
    with pytest.raises(NoAnswer, match="there is no command `squeue` here"):
        slurm.queue()
    with pytest.raises(NoAnswer, match="there is no command `scontrol` here"):
        slurm.max_array_size()


@pytest.mark.parametrize(
    ("script", "why"),
    [("echo slurm-wlm 22.05", ""), ("echo 'first\nno slurm.conf' >&2; exit 1", "`sbatch` does not work (no slurm.conf)")],
)
def test_slurm_is_there_where_its_commands_find_their_configuration(tmp_path, monkeypatch, script, why):
    answering(monkeypatch, tmp_path, sbatch=script)
    assert slurm.unavailable() == why


@pytest.mark.parametrize(("shown", "most"), [("1001", 1001), ("4000001", 4000001), ("0", 1), ("1", 1)])
def test_the_largest_array(tmp_path, monkeypatch, shown, most):
    answering(monkeypatch, tmp_path, scontrol=f"echo 'MaxArrayTasks = 3'; echo 'MaxArraySize            = {shown}'")
    assert slurm.max_array_size() == most


def test_a_configuration_without_the_largest_array_is_no_answer(tmp_path, monkeypatch):
    answering(monkeypatch, tmp_path, scontrol="echo 'MaxJobCount = 10000'; echo 'MaxArraySize = (null)'")
    with pytest.raises(NoAnswer, match="does not name MaxArraySize"):
        slurm.max_array_size()


@pytest.mark.parametrize("count", [0, 1, 500, 501, 1234])
def test_every_job_is_cancelled_once_in_command_lines_that_are_not_too_long(tmp_path, monkeypatch, count):
    folder = answering(monkeypatch, tmp_path, scancel='echo "$@" >> "$here/words"')
    jobs = [str(number) for number in range(count)]
    slurm.cancel([*jobs, *jobs[:3]])
    calls = (folder / "words").read_text().splitlines() if count else []
    assert sorted(" ".join(calls).split()) == sorted(jobs)
    assert all(len(call.split()) <= 500 for call in calls)
    assert (folder / "words").exists() == bool(count)


def test_a_refused_cancellation_is_said(tmp_path, monkeypatch):
    answering(
        monkeypatch, tmp_path, scancel="echo 'scancel: error: Kill job error on job id 7: Access/permission denied' >&2; exit 1"
    )
    with pytest.raises(NoAnswer, match="Access/permission denied"):
        slurm.cancel(["7"])
