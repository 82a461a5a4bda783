"""Trainings as jobs of Slurm: as tasks of one step, and through submitit, which puts them back into the queue in time."""

import os
import signal
import subprocess
import sys

import pytest
import torch
from commands import STDOUT, run
from commands import start as start_command
from safetensors.torch import load_file
from slurm_cluster import until

WORDS = ["recipe=predify", "dataset.count=32", "feedback.epochs=12", "feedback.optimizer=adamw", "workers=0", "device=cpu"]
WORDS += ["output=w.safetensors"]
ON_SLURM = ["-m", "hydra/launcher=train_slurm", "hydra.launcher.partition=gpu", "hydra.launcher.gpus_per_node=null"]
ON_SLURM += ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2", "hydra.launcher.timeout_min=30"]
ONE, TWO = ["feedback.batch_size=16"], ["feedback.batch_size=8", "devices=2"]  # the same steps
LONGEST_S = 240
TRAIN = [sys.executable, "-m", "pcsweep.train"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of the training that is not interrupted, by one process, and their bytes."""
    folder = tmp_path_factory.mktemp("whole")
    done = run(*WORDS, *ONE, module="pcsweep.train", folder=folder, timeout=LONGEST_S)
    assert done.returncode == 0, done.stderr
    return folder / "w.safetensors"


@pytest.fixture
def submitted(cluster, environment, tmp_path):
    """Starts the command that waits for a job of Slurm, and returns once that has written a checkpoint."""
    started = []

    def start(*words):
        with (tmp_path / "said").open("w") as said:
            given = [*ON_SLURM, *WORDS, *words, "checkpoint_every=1"]
            streams = {"stdout": said, "stderr": STDOUT}
            started.append(start_command(*given, module="pcsweep.train", folder=tmp_path, environment=environment, **streams))
        until((tmp_path / "w.safetensors.checkpoint").exists, LONGEST_S, "a checkpoint")
        (entry,) = cluster.queue()
        return entry["id"], started[0]

    yield start
    for process in started:
        process.kill()
        process.wait()
    cluster.command("scancel", "--me")
    cluster.wait_until_idle()


def finished(cluster, process):
    """Waits for the end of a job that is put back into the queue; how often it was."""
    restarts = []

    def over():
        cluster.hasten()
        for entry in cluster.queue():
            restarts.append(int(cluster._shown("job", entry["id"], "Restarts")))
        return process.poll() is not None

    until(over, LONGEST_S, "the end of the training")
    return max(restarts)


def close(path, other):
    one, two = load_file(path), load_file(other)
    return one.keys() == two.keys() and all(torch.allclose(one[name], two[name], rtol=1e-3, atol=1e-5) for name in one)


def test_a_training_whose_time_is_up_goes_back_into_the_queue_and_ends_at_the_same_file(cluster, submitted, whole, tmp_path):
    job, process = submitted(*ONE)
    cluster.command("scancel", "--signal=USR2", job)  # what Slurm sends signal_delay_s before the time is up
    assert finished(cluster, process) == 1
    assert process.returncode == 0, (tmp_path / "said").read_text()
    assert (tmp_path / "w.safetensors").read_bytes() == whole.read_bytes()
    assert not (tmp_path / "w.safetensors.checkpoint").exists()


def test_two_tasks_stop_together_where_the_second_alone_hears_of_it(cluster, submitted, whole, tmp_path):
    job, process = submitted(*TWO)
    pids = [line.split() for line in cluster.command("scontrol", "listpids", job).splitlines()[1:]]
    os.kill(next(int(pid) for pid, _, step, _, rank in pids if (step, rank) == ("0", "1")), signal.SIGUSR2)
    assert finished(cluster, process) == 1
    assert process.returncode == 0, (tmp_path / "said").read_text()
    assert close(tmp_path / "w.safetensors", whole)


@pytest.mark.cold
def test_the_tasks_of_srun_are_the_processes_of_a_training(environment, whole, tmp_path):
    def srun(*words):
        command = ["srun", "--ntasks=2", *TRAIN, *WORDS, *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LONGEST_S)

    refused = srun(*ONE)
    assert refused.returncode == 2
    assert "Expected `devices` × `nodes` to be 2, the processes that srun has started, but got 1 × 1" in refused.stderr
    assert not list(tmp_path.glob("*.safetensors*"))
    done = srun(*TWO)
    assert done.returncode == 0, done.stderr
    assert close(tmp_path / "w.safetensors", whole)
