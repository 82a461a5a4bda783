"""Faults, on a real Slurm: no finished shard is lost or computed again, what is missing is named, and the same command finishes.

Most studies here have the same eight points, of half a second each; undisturbed on this machine they give the reference.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

import pytest
from commands import DEVNULL, Process, start
from safetensors.torch import load_file, save_file
from slurm_cluster import PAUSE_S, Cluster, require, until

import pcsweep
from pcsweep.aggregate.run import aggregate
from pcsweep.study import submissions

BETAS = [f"0.{tenth}" for tenth in range(1, 9)]
EIGHT = (
    f"pcoder.beta={','.join(BETAS)}",
    "pcoder.lambda=0.1",
    "dataset.limit=24",
    "timesteps=6",
    "hydra.launcher.points_per_pack=1",
)
TINY = ("pcoder.lambda=0.1", "dataset.limit=4", "timesteps=1", "hydra.launcher.points_per_pack=1")
MODEST = ("hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2")
FEW = ("pcoder.beta=0.1,0.2,0.3,0.4", *TINY)
LIMIT = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=10")
ONE_TASK, TWO_TASKS = ("hydra.launcher.points_per_job=8",), ("hydra.launcher.points_per_job=4",)
OF_THE_QUEUE = {
    *ONE_TASK,
    *TWO_TASKS,
    *LIMIT,
    *(f"hydra.launcher.max_num_timeout={n}" for n in (0, 1)),
    "hydra.launcher.gpus_per_node=2",
}
LATER = "hydra.launcher.wait=false"
LONGEST_S = 120  # that a command may take


@dataclass
class Ended:
    """What a command has said."""

    code: int
    out: str
    err: str


@dataclass
class Command:
    """A command that was started in a session of its own, as from a terminal."""

    process: Process
    output: Path

    def said(self, stream="out"):
        return self.output.with_suffix(f".{stream}").read_text()

    def until(self, condition, what):
        until(lambda: condition() or self.process.poll() is not None, LONGEST_S, what)
        assert condition(), self.said("err")

    def until_said(self, words):
        self.until(lambda: words in self.said(), repr(words))

    def until_submitted(self):
        self.until_said("Submitted job")

    def interrupt(self):
        """Ctrl-C: to the whole foreground of a terminal."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self):
        return Ended(self.process.wait(LONGEST_S), self.said("out"), self.said("err"))


@dataclass
class Study:
    """A study, and commands about it."""

    home: Path  # where they are given
    environment: dict[str, str]
    words: tuple[str, ...]
    root: str = "outputs"
    name: str = "s"
    commands: list[Command] = field(default_factory=list)

    @property
    def folder(self):
        return self.home / self.root / self.name

    def start(self, *more, module="", path=None):
        words = [f"study={self.name}"]
        if not module:
            words = ["-m", *self.words, *MODEST, *more, *words]
        environment = self.environment | ({"PATH": f"{path}:{self.environment['PATH']}"} if path else {})
        output = self.home / f"{self.name}-{len(self.commands)}.out"
        with output.open("w") as out, output.with_suffix(".err").open("w") as err:
            process = start(
                *words,
                module=f"pcsweep.{module}" if module else "pcsweep",
                folder=self.home,
                environment=environment,
                stdin=DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.commands.append(Command(process, output))
        return self.commands[-1]

    def run(self, *more, **options):
        return self.start(*more, **options).ended()

    def status(self):
        shown = self.run(module="status")
        assert shown.code == 0, shown.err
        return shown.out

    def shards(self):
        """When each was written, and what it holds."""
        there = {path: path.stat().st_mtime_ns for path in (self.folder / "shards").glob("*.parquet")}
        return {path.name: (when, path.read_bytes()) for path, when in there.items()}

    def until_some(self, least=2):
        """The shards, once there are some; not all, or it would be too late for a fault."""
        until(lambda: len(self.shards()) >= least, LONGEST_S, f"{least} shards")
        return self.shards()

    def tasks(self):
        """Processes that compute its points."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode().split("\0")
            except OSError:
                continue
            if words[:2] == [sys.executable, "-u"] and "submitit.core._submit" in words and str(self.folder) in " ".join(words):
                found.append(int(process.name))
        return found

    def submitted(self):
        """How often each point was submitted."""
        arrays = [array for each in submissions.read_all(self.folder) for array in each.arrays]
        return Counter(identity for array in arrays for task in array.tasks for identity in task)

    def computed(self):
        """How often each point was computed on the cluster, by the logs of the tasks."""
        logs = "".join(path.read_text() for path in (self.folder / "submissions").glob("*/*_log.out"))
        return Counter(re.findall(r" s \(shard (\w{12})\)", logs))


def table(folder):
    """The study's aggregate, to the last digit; NaN equals NaN."""
    return [repr(row) for row in aggregate(folder, resamples=20).table.to_pylist()]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The aggregate of the same points, computed on this machine once for all that ask a queue for them in their own ways."""

    @cache
    def computed(points):
        study = Study(tmp_path_factory.mktemp("undisturbed"), os.environ | {"OMP_NUM_THREADS": "1"}, points)
        ran = study.run("hydra.launcher.executor=local")
        assert ran.code == 0, ran.err
        return table(study.folder)

    return lambda words: computed(tuple(word for word in words if word not in OF_THE_QUEUE))


@pytest.fixture(autouse=True)
def calm(cluster):
    """Leaves the cluster idle."""
    yield
    cluster.command("scancel", f"--user={os.getuid()}")
    cluster.wait_until_idle()
    if cluster.node_state() != "IDLE":
        cluster.resume()
    until(lambda: cluster.node_state() == "IDLE", 20, "an idle node")


@pytest.fixture
def study(calm, tmp_path, environment):
    """Makes studies, and ends the commands that still run."""
    made = []

    def make(*words, **options):
        options = {"environment": environment} | options
        made.append(Study(tmp_path, words=words or EIGHT + ONE_TASK, **options))
        return made[-1]

    yield make
    for command in (command for each in made for command in each.commands):
        if command.process.poll() is None:
            command.process.kill()
            command.process.wait()


@contextmanager
def drained(cluster):
    """No task starts meanwhile."""
    cluster.drain("a test")
    try:
        yield
    finally:
        cluster.resume()


def is_finished(study, before, reference, *, once=True):
    """Whether all is there, nothing of `before` was touched, and the results are those of an undisturbed sweep."""
    now = study.shards()
    assert before.items() <= now.items()
    assert not list((study.folder / "shards").glob("**/.*"))
    assert not list((study.folder / "failures").glob("*"))
    if once:
        assert set(study.computed().values()) == {1}
    return table(study.folder) == reference


def finish(study, before, reference):
    """The same command again computes what is missing, and only that."""
    again = study.run()
    assert again.code == 0, again.err
    assert f"{len(before)} of 8 already done, 0 skipped (β + λ > 1), {8 - len(before)} to run" in again.out
    assert is_finished(study, before, reference)


def not_done(count, total):
    """How a command counts them."""
    return f"{count} of {total} points {'is' if count == 1 else 'are'} not done."


def failures(text):
    """The rows of a table of failures: point, reason, log."""
    rows = []
    for line in text.splitlines():
        if line.startswith("│"):
            point, why, log = (cell.strip() for cell in line.strip("│").split("│"))
            if point:
                rows.append([point, why, log])
            else:  # a cell that was too long for one line
                rows[-1][1] += f" {why}"
                rows[-1][2] += log
    return rows


def named(study, ended, count, why):
    """Whether a command has named so many points, with the reason and an existing log, and `status` does so too."""
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert not_done(count, len(study.submitted())) in ended.err
    for text in (ended.err, study.status()):
        rows = failures(text)
        assert len(rows) == count
        assert all(why in row[1] for row in rows), rows
        assert all((study.home / row[2]).is_file() for row in rows), rows
    return True


def to_do(study, ended, count):
    """Whether a command has said that so many points are missing, none of which failed, and `status` does so too."""
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert not_done(count, len(study.submitted())) in ended.err
    shown = study.status()
    assert re.search(rf"to do +{count}\b", shown), shown
    assert failures(ended.err) == failures(shown) == []
    return True


def queued(cluster, study):
    """Tasks of the study in the queue."""
    return [entry for entry in cluster.queue() if entry["name"].startswith(f"{study.name}-")]


def until_state(cluster, state):
    until(lambda: [entry["state"] for entry in cluster.queue()] == [state], 60, f"one task, {state}", PAUSE_S)


# --- tasks that end before their time ---


def parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_killed_task_costs_what_it_has_not_finished(study, undisturbed):
    sweep = study()
    waiting = sweep.start()
    sweep.until_some()
    os.kill(*sweep.tasks(), signal.SIGKILL)
    ended = waiting.ended()
    before = sweep.shards()
    assert named(sweep, ended, 8 - len(before), "ended without a result: srun: ")
    assert sweep.words[0] in ended.err.splitlines()[-1]
    finish(sweep, before, undisturbed(sweep.words))


@pytest.mark.cold
def test_a_task_that_slurm_takes_for_running_can_be_cancelled(study, undisturbed, cluster):
    """With its slurmstepd killed as well, Slurm notices nothing."""
    sweep = study()
    waiting = sweep.start()
    sweep.until_some()
    (task,) = sweep.tasks()
    os.kill(parent(task), signal.SIGKILL)
    os.kill(task, signal.SIGKILL)
    before = sweep.shards()
    assert re.search(rf"running +{8 - len(before)}", sweep.status())
    (ghost,) = cluster.queue()
    assert sweep.run(module="cancel").out == f"Cancelled 1 task of s, of job {ghost['job']}.\n"
    assert to_do(sweep, waiting.ended(), 8 - len(before))
    finish(sweep, before, undisturbed(sweep.words))


def test_a_requeued_task_goes_on_where_it_was(study, undisturbed, cluster):
    sweep = study()
    waiting = sweep.start()
    before = sweep.until_some()
    (job,) = [entry["id"] for entry in cluster.queue()]
    cluster.command("scontrol", "requeue", job)
    assert cluster.hasten() == [job]
    assert "pending" in sweep.status()
    assert waiting.ended().code == 0
    assert is_finished(sweep, before, undisturbed(sweep.words))
    assert sweep.submitted().total() == 8


# --- commands that end before their time ---


def test_tasks_go_on_without_the_command_and_the_same_command_attaches(study, undisturbed, cluster):
    sweep = study()
    attached = "8 to run, 8 of them in the queue already"
    with drained(cluster):
        killed = sweep.start()
        killed.until_submitted()
        killed.process.kill()
        assert killed.ended().code == -signal.SIGKILL
        interrupted = sweep.start()
        interrupted.until_said(attached)
        interrupted.interrupt()
        ended = interrupted.ended()
        hung_up = sweep.start()
        hung_up.until_said(attached)
        assert len(queued(cluster, sweep)) == 1
        hung_up.process.send_signal(signal.SIGHUP)
        assert hung_up.ended().code == -signal.SIGHUP
    before = sweep.until_some(1)
    assert sweep.run().code == 0
    assert sweep.submitted().total() == 8
    assert is_finished(sweep, before, undisturbed(sweep.words))
    assert ended.code == 130
    assert "Detached; the tasks go on." in ended.err
    for words in ("status study=s", "cancel study=s"):
        assert f"\n  python -m pcsweep.{words}\n" in ended.err
    assert ended.err.endswith(f"\n  python -m pcsweep -m {' '.join((*sweep.words, *MODEST))} study=s\n")


# --- several commands at once ---


def test_the_same_sweep_twice_at_once_is_submitted_once(study, cluster):
    sweeps = [study(*FEW, *ONE_TASK, name=name) for name in "abc"]
    with drained(cluster):
        for sweep in sweeps:
            both = [sweep.start(), sweep.start()]
            for command in both:
                command.until_said("4 to run")
            assert len(queued(cluster, sweep)) == 1
    for sweep in sweeps:
        first, second = sorted(
            (command.ended() for command in sweep.commands), key=lambda ended: "Submitted job" not in ended.out
        )
        assert (first.code, second.code) == (0, 0)
        assert "in 1 task on Slurm's default partition\nSubmitted job" in first.out
        assert "4 of them in the queue already" in second.out
        assert "Submitted job" not in second.out
        assert len(sweep.shards()) == 4
        assert set(sweep.submitted().values()) == set(sweep.computed().values()) == {1}


def instead_of_sbatch(folder, script):
    """A folder for the front of the PATH, with an `sbatch` that runs this script first; $sbatch is the real one."""
    folder.mkdir()
    command = folder / "sbatch"
    real = shutil.which("sbatch")
    command.write_text(f'#!/bin/sh\nsbatch={real}\n[ "$1" = --version ] && exec $sbatch "$@"\n{script}\nexec $sbatch "$@"\n')
    command.chmod(0o755)
    return folder


@pytest.fixture
def slow_sbatch(tmp_path):
    """Waits for a file `go`."""
    return instead_of_sbatch(tmp_path / "slow", f"touch {tmp_path}/asked\nwhile [ ! -e {tmp_path}/go ]; do sleep 0.1; done")


def submitting(sweep, path):
    """A command that waits for its sbatch."""
    (sweep.home / "asked").unlink(missing_ok=True)
    command = sweep.start(path=path)
    command.until((sweep.home / "asked").exists, "sbatch")
    return command.process


def test_a_command_killed_between_its_note_and_its_tasks(study, undisturbed, slow_sbatch, cluster):
    sweep = study(*FEW, *ONE_TASK)
    with_sbatch = submitting(sweep, slow_sbatch)
    os.killpg(with_sbatch.pid, signal.SIGKILL)
    with_sbatch.wait()
    assert "interrupted before Slurm had taken it" in sweep.status()
    alone = submitting(sweep, slow_sbatch)
    alone.kill()
    alone.wait()
    again = sweep.start()
    again.until_said("Another command is submitting these points; waiting for it.")
    (sweep.home / "go").touch()  # Slurm gets a task now, but never what it is to run
    again.until_submitted()
    ended = again.ended()
    assert ended.code == 0, ended.err
    until(lambda: len(cluster.queue()) <= 1, 30, "the end of the tasks whose points are done")
    assert is_finished(sweep, {}, undisturbed(sweep.words))


# --- points that raise ---


def perturbed(source, target):
    """A copy of a file of weights with one tensor changed."""
    tensors = load_file(source)
    name = min(tensors)
    save_file({**tensors, name: tensors[name] * 1.01}, target)


def test_points_that_raise_are_named_and_the_others_are_done(study, cluster):
    sweep = study("model.weights=a.safetensors,b.safetensors", "pcoder.beta=0.1,0.2,0.3", *TINY, *ONE_TASK)
    other = sweep.home / "b.safetensors"
    published = Path(pcsweep.__file__).parent / "model" / "pminivgg.safetensors"
    shutil.copy(published, sweep.home / "a.safetensors")
    perturbed(published, other)
    with drained(cluster):
        waiting = sweep.start()
        waiting.until_submitted()
        away = other.rename(sweep.home / "away")
    ended = waiting.ended()
    before = sweep.shards()
    assert len(before) == 3
    assert named(sweep, ended, 3, "BadSetting: Expected `model.weights` to be")
    refused = sweep.run()
    assert refused.code == 2
    assert refused.err.startswith("pcsweep: points 3, 4, 5: Expected `model.weights` to be")
    away.rename(other)
    again = sweep.run()
    assert again.code == 0, again.err
    assert "3 of 6 already done, 0 skipped (β + λ > 1), 3 to run" in again.out
    alone = replace(sweep, name="alone", commands=[])
    assert alone.run("hydra.launcher.executor=local").code == 0
    assert is_finished(sweep, before, table(alone.folder))


# --- submissions that are refused ---


def test_slurms_refusals_are_said_and_leave_nothing_behind(study):
    words = {
        "a": (["partition=nowhere"], "invalid partition specified: nowhere"),
        "b": (["partition=short", "timeout_min=2"], "Requested time limit is invalid"),
        "c": (["gpus_per_node=3"], "Requested node configuration is not available"),
    }
    sweeps = {name: study("pcoder.beta=0.1,0.2", *TINY, name=name) for name in words}
    for name, (more, _) in words.items():
        sweeps[name].start(*(f"hydra.launcher.{word}" for word in more))
    for name, (_, said) in words.items():
        ended = sweeps[name].commands[0].ended()
        assert ended.code == 2
        assert len(ended.err.splitlines()) == 1
        assert ended.err.startswith("pcsweep: Slurm refuses these tasks, so nothing was submitted: sbatch: error: ")
        assert said in ended.err
        assert list((sweeps[name].folder / "submissions").iterdir()) == []
    sweep = sweeps["a"]
    assert sweep.run().code == 0
    assert len(sweep.shards()) == 2


@pytest.fixture(scope="module")
def small_arrays(tmp_path_factory):
    """A Slurm whose job arrays have three tasks at most."""
    require()
    with Cluster(tmp_path_factory.mktemp("small"), max_array_size=3, cpus=8, gpus=4) as made:
        yield made


@pytest.fixture
def on_small_arrays(small_arrays, study, environment):
    """Makes studies on that Slurm."""
    yield partial(study, environment=environment | small_arrays.environment)
    small_arrays.command("scancel", f"--user={os.getuid()}")
    small_arrays.wait_until_idle()


def test_a_refusal_of_the_second_array_costs_only_that(on_small_arrays, small_arrays, tmp_path):
    sweep = on_small_arrays("pcoder.beta=0.1,0.2,0.3,0.4", *TINY, "hydra.launcher.points_per_job=1")
    refusal = "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1"
    once = f"[ -e {tmp_path}/first ] && {{ {refusal}; }}\ntouch {tmp_path}/first"
    ended = sweep.run(path=instead_of_sbatch(tmp_path / "full", once))
    before = sweep.shards()
    assert ended.code == 1
    assert len(before) == 3
    refused = "Slurm has not taken all tasks: sbatch: error: QOSMaxSubmitJobPerUserLimit"
    assert f"{not_done(1, 4)}\n{refused}\n" in ended.err
    assert re.search(r"to do +1 +in no queue", sweep.status())
    again = sweep.run()
    assert again.code == 0
    assert "3 of 4 already done, 0 skipped (β + λ > 1), 1 to run in 1 task" in again.out
    assert before.items() <= sweep.shards().items()
    assert set(sweep.computed().values()) == {1}


def test_more_tasks_than_an_array_may_have(on_small_arrays, small_arrays, undisturbed):
    betas = ",".join(str(round(0.02 * step, 2)) for step in range(1, 29))
    words = (f"pcoder.beta={betas}", *TINY, "hydra.launcher.points_per_job=4", "hydra.launcher.array_parallelism=2")
    sweep = on_small_arrays(*words)
    waiting = sweep.start()
    arrays, most = {}, 0
    while waiting.process.poll() is None:
        looked = small_arrays.queue()
        for entry in looked:
            arrays.setdefault(entry["job"], set()).add(entry["index"])
        most = max(most, sum(entry["state"] == "RUNNING" for entry in looked))
        time.sleep(PAUSE_S)
    assert waiting.ended().code == 0
    assert sorted(map(len, arrays.values())) == [1, 3, 3]
    assert most == 2
    assert is_finished(sweep, {}, undisturbed(words))


# --- what changes between submission and run ---


def test_points_run_as_they_were_submitted(study, undisturbed, cluster):
    sweep = study("--config-dir=presets", "noise=mine", "pcoder.beta=0.1,0.2", *TINY)
    preset = sweep.home / "presets" / "noise" / "mine.yaml"
    preset.parent.mkdir(parents=True)
    text = "_target_: pcsweep.noise.gaussian.gaussian\nsigma: 0.3\nspace: normalized\nclip: false\nseed: ${seed}\n"
    preset.write_text(text)
    with drained(cluster):
        assert sweep.run(LATER).code == 0
        preset.write_text(text.replace("0.3", "0.9"))
    cluster.wait_until_idle()
    assert is_finished(sweep, {}, undisturbed(("noise.sigma=0.3", "pcoder.beta=0.1,0.2", *TINY)))
    assert "2 to run" in sweep.run("hydra.launcher.dry_run=true").out
    preset.write_text(text)
    assert "2 of 2 already done" in sweep.run("hydra.launcher.dry_run=true").out


# --- faults of Slurm and of the machine ---


@contextmanager
def stopped(sweep):
    """The only task of a sweep, which stands still meanwhile."""
    (task,) = sweep.tasks()
    os.kill(task, signal.SIGSTOP)
    try:
        yield task
    finally:
        with suppress(ProcessLookupError):
            os.kill(task, signal.SIGCONT)


def test_the_command_and_its_task_outlive_slurms_daemons(study, undisturbed, cluster):
    sweep = study()
    waiting = sweep.start()
    sweep.until_some()
    with stopped(sweep):
        before = sweep.shards()
        cluster.stop_slurmctld()
        try:
            shown = sweep.status()
            waiting.until_said("Slurm does not answer")
        finally:
            cluster.start_slurmctld()
        cluster.kill_slurmd()
        cluster.start_slurmd()
    assert "Slurm does not answer, so who runs and who failed is not known: " in shown
    assert re.search(rf"unknown +{8 - len(before)}", shown)
    assert waiting.ended().code == 0
    assert is_finished(sweep, before, undisturbed(sweep.words))
    assert sweep.submitted().total() == 8


def got(process, number):
    """Whether a signal waits for the process, or has ended it."""
    try:
        masks = re.findall(r"^(?:Sig|Shd)Pnd:\t(\w+)", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    except FileNotFoundError:
        return True
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


@pytest.mark.cold
def test_a_task_over_its_time_is_queued_again_as_often_as_allowed(study, undisturbed, cluster):
    """Slurm sends the signal between 20 s and 50 s after the start here."""
    again, never = (study(*EIGHT, *ONE_TASK, *LIMIT, f"hydra.launcher.max_num_timeout={n}", name=f"s{n}") for n in (1, 0))
    for sweep in (again, never):
        sweep.start()
    before, tasks = {}, []
    with ExitStack() as both:

        def all_stand_still():
            """Each does as soon as it has some shards: by the time that the other has, it could be finished."""
            for sweep in (again, never):
                if sweep.name not in before and len(sweep.shards()) >= 2:
                    tasks.append(both.enter_context(stopped(sweep)))
                    before[sweep.name] = sweep.shards()
            return len(tasks) == 2

        until(all_stand_still, LONGEST_S, "shards of both")
        until(lambda: all(got(task, signal.SIGUSR2) for task in tasks), 60, "Slurm's signals")
    until(lambda: queued(cluster, again)[0]["state"] == "PENDING", 20, "the task in the queue again")
    assert len(again.shards()) < 8
    cluster.hasten()
    assert again.commands[0].ended().code == 0
    assert is_finished(again, before["s1"], undisturbed(again.words))
    assert again.submitted().total() == 8
    left = never.shards()
    assert before["s0"].items() <= left.items()
    assert named(never, never.commands[0].ended(), 8 - len(left), "ended without a result")
    finish(never, left, undisturbed(never.words))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of six megabytes, of which frozen code takes three."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "pcsweep", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast):
    """Until nothing more can be written beside it."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


def test_a_full_disk_costs_what_cannot_be_written(study, undisturbed, small_disk):
    sweep = study(*EIGHT, *ONE_TASK, "output_root=disk", root="disk")
    waiting = sweep.start()
    sweep.until_some()
    with stopped(sweep):
        fill(small_disk / "ballast")
        before = sweep.shards()
    ended = waiting.ended()
    assert ended.code == 1
    assert "Traceback" not in ended.err
    assert not_done(8 - len(before), 8) in ended.err
    assert sweep.shards() == before
    (small_disk / "ballast").unlink()
    finish(sweep, before, undisturbed(EIGHT + ONE_TASK))


def test_tasks_wait_for_a_gpu_that_was_taken_out(study, undisturbed, cluster):
    sweep = study(*EIGHT, *TWO_TASKS, "hydra.launcher.gpus_per_node=2")
    waiting = sweep.start()
    sweep.until_some(1)
    cluster.lose_a_gpu()
    try:
        until_state(cluster, "PENDING")
        before = sweep.shards()
        shown = sweep.status()
    finally:
        cluster.return_the_gpu()
    assert len(before) == 4
    assert re.search(r"pending +4 +in 1 task: \d+_1 \([A-Z].*\)", shown)
    assert waiting.ended().code == 0
    assert is_finished(sweep, before, undisturbed(sweep.words))
    assert sweep.submitted().total() == 8


# --- cancelling, and hostile words ---


def test_cancelling_a_study_leaves_the_others_alone(study, undisturbed, cluster):
    other, sweep = study(name="b"), study(*EIGHT, *TWO_TASKS, name="a")
    with drained(cluster):
        for each in (other, sweep):
            each.start().until_submitted()
    sweep.until_some(1)
    assert sorted(entry["state"] for entry in queued(cluster, sweep)) == ["PENDING", "RUNNING"]
    assert re.fullmatch(r"Cancelled 2 tasks of a, of job \d+\.\n", sweep.run(module="cancel").out)
    ended = sweep.commands[0].ended()
    before = sweep.shards()
    assert to_do(sweep, ended, 8 - len(before))
    assert other.commands[0].ended().code == 0
    assert is_finished(other, {}, undisturbed(other.words))
    assert other.run(module="cancel").out == "b has no task in the queue.\n"
    finish(sweep, before, undisturbed(sweep.words))


def test_a_folder_with_a_space_and_quotes(study):
    root = """it's "here" now"""
    sweep = study("pcoder.beta=0.1,0.2", *TINY, f"output_root='{root}'".replace("it's", "it\\'s"), root=root)
    ended = sweep.run()
    assert ended.code == 0, ended.err
    assert len(sweep.shards()) == 2
    (shown,) = re.findall(r"see them with  python -m pcsweep.status (.*)", ended.out)
    assert shlex.split(shown) == ["study=s", f"output_root={root}"]


def test_words_that_slurm_or_a_shell_would_take_for_others(study, tmp_path):
    words = {
        "a": ("output_root=50%j", "Expected a folder without '%'"),
        "b": ("hydra.launcher.partition='gpu\n#SBATCH --wrap=id'", "Expected `hydra.launcher.partition` to have no control"),
        "c": ("hydra.launcher.setup=['true\ntouch here']", "Expected `hydra.launcher.setup.0` to have no control characters"),
    }
    sweeps = {name: study("pcoder.beta=0.1,0.2", *TINY, name=name) for name in words}
    for name, (word, _) in words.items():
        sweeps[name].start(word)
    for name, (_, said) in words.items():
        ended = sweeps[name].commands[0].ended()
        assert ended.code == 2
        assert ended.err.startswith(f"pcsweep: {said}") or said in ended.err
        assert "Traceback" not in ended.err
        assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "here").exists()
    assert not list(tmp_path.glob("**/submissions/*"))
