"""The cluster that other tests run on: jobs, its faults, and that nothing of it is left behind."""

import os
import time
from pathlib import Path

import pytest
from slurm_cluster import Cluster, require, until, why_not


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    require()
    with Cluster(tmp_path_factory.mktemp("slurm"), max_array_size=20, cpus=8) as cluster:
        yield cluster


@pytest.fixture
def submit(cluster, tmp_path):
    """Submit a command line with sbatch; the job's id. Its tasks write files named by their index."""

    def sbatch(line, *options):
        output = tmp_path / "%a"
        return cluster.command("sbatch", "--parsable", "--open-mode=append", f"--output={output}", *options, f"--wrap={line}")

    yield sbatch
    cluster.command("scancel", "--me")
    cluster.wait_until_idle()


def states(cluster):
    return [entry["state"] for entry in cluster.queue()]


def until_running(cluster, count):
    until(lambda: states(cluster).count("RUNNING") == count, 20, f"{count} running jobs")


def processes_of(folder):
    """Command lines of processes that name the folder in their command line or work in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            works_in = os.readlink(process / "cwd")
        except OSError:
            continue
        if str(folder) in command or Path(works_in).is_relative_to(folder):
            found.append(command)
    return found


def test_every_task_of_an_array_has_a_gpu(cluster, submit, tmp_path):
    submit("srun printenv CUDA_VISIBLE_DEVICES; sleep 2", "--array=0-2", "--gres=gpu:1", "--cpus-per-task=4")
    assert [(entry["index"], entry["name"]) for entry in cluster.queue()] == [("0", "wrap"), ("1", "wrap"), ("2", "wrap")]
    cluster.wait_until_idle()
    first, second, third = [(tmp_path / str(task)).read_text() for task in range(3)]
    assert {first, second} == {"0\n", "1\n"}
    assert third in {first, second}


def test_there_is_no_accounting(cluster):
    with pytest.raises(RuntimeError, match="Slurm accounting storage is disabled"):
        cluster.command("sacct")


def test_what_is_over_a_limit_is_refused(submit):
    with pytest.raises(RuntimeError, match="Invalid job array specification"):
        submit("true", "--array=0-20")
    with pytest.raises(RuntimeError, match="Requested time limit is invalid"):
        submit("true", "--partition=short", "--time=2")


def test_a_job_outlives_slurmd(cluster, submit, tmp_path):
    submit("sleep 2; echo done", "--array=0")
    until_running(cluster, 1)
    cluster.kill_slurmd()
    cluster.start_slurmd()
    cluster.wait_until_idle()
    assert (tmp_path / "0").read_text() == "done\n"


def test_the_queue_outlives_slurmctld(cluster, submit):
    submit("sleep 60", "--array=0-2", "--gres=gpu:1")
    until_running(cluster, 2)
    before = [(entry["id"], entry["state"]) for entry in cluster.queue()]
    cluster.restart_slurmctld()
    assert [(entry["id"], entry["state"]) for entry in cluster.queue()] == before


def test_a_requeued_job_can_be_hastened(cluster, submit, tmp_path):
    job = submit("echo restart $SLURM_RESTART_COUNT; [ $SLURM_ARRAY_TASK_ID = 1 ] || sleep 60", "--array=0-1", "--gres=gpu:2")
    until_running(cluster, 1)
    cluster.command("scontrol", "requeue", f"{job}_0")
    assert cluster.hasten() == [f"{job}_0"]
    started = time.monotonic()
    until(lambda: "restart 1\n" in (tmp_path / "0").read_text(), 20, "a second start")
    assert time.monotonic() - started < cluster.requeue_delay_s


def test_nothing_starts_on_a_drained_node(cluster, submit):
    cluster.drain("rest")
    submit("true")
    time.sleep(2)
    assert states(cluster) == ["PENDING"]
    cluster.resume()
    cluster.wait_until_idle()


def test_a_node_without_one_of_its_gpus_is_drained(cluster, submit):
    submit("[ $SLURM_ARRAY_TASK_ID = 2 ] || sleep 4", "--array=0-2", "--gres=gpu:1")
    until_running(cluster, 2)
    cluster.lose_a_gpu()
    assert cluster.node_state() == "MIXED+DRAIN+INVALID_REG"
    until(lambda: states(cluster) == ["PENDING"], 20, "the end of the jobs that ran")
    cluster.return_the_gpu()
    cluster.wait_until_idle()


def test_nothing_is_left_of_a_cluster_beside_another(cluster, tmp_path):
    folder = tmp_path / "a folder too long for sockets".replace(" ", "-") / ("x" * 40)
    with Cluster(folder) as second:
        sockets = Path(second.command("scontrol", "show", "config").partition("SlurmdSpoolDir")[2].split()[1]).parent
        second.command("sbatch", "--wrap=trap '' TERM; (setsid sleep 300 &); sleep 300")
        until_running(second, 1)
        assert states(cluster) == []
        assert len(processes_of(folder)) >= 5
        second.kill_slurmd()
    second.stop()
    assert processes_of(folder) == []
    assert not [path for path in folder.rglob("*") if not (path.is_file() or path.is_dir())]
    assert not sockets.exists()
    assert cluster.node_state() == "IDLE"


def test_a_failed_start_shows_the_logs_and_leaves_nothing(tmp_path):
    require()
    with pytest.raises(RuntimeError, match=r"(?s)Slurm does not start: slurm(ctld|d) ended\n.*slurmctld.out:\n.*MaxArraySize"):
        Cluster(tmp_path, max_array_size=-1).start()
    assert processes_of(tmp_path) == []


def test_why_there_is_no_cluster(monkeypatch):
    monkeypatch.delenv("PCSWEEP_REQUIRE_SLURM", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert why_not() == "slurmctld is not on the PATH"
    with pytest.raises(pytest.skip.Exception, match="slurmctld is not on the PATH"):
        require()
    monkeypatch.setenv("PCSWEEP_REQUIRE_SLURM", "1")
    with pytest.raises(pytest.fail.Exception, match="PCSWEEP_REQUIRE_SLURM is set, but slurmctld is not on the PATH"):
        require()
