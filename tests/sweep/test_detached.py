"""A study's sweep on Slurm, up to what Slurm is handed: each point once, longest tasks first, refusals told."""

import sys
from types import SimpleNamespace

import pytest
from toy_slurm import answering

from pcsweep.__main__ import main
from pcsweep.compute import estimate
from pcsweep.study import submissions, submitted
from pcsweep.sweep.executor.protocol import Refused
from pcsweep.sweep.executor.slurm import submission

GRID = ["-m", "pcoder.beta=0.1,0.2,0.3,0.4,0.5", "timesteps=1,2", "mixed=true", "dataset.limit=2", "hydra/launcher=slurm"]
LATER = ["hydra.launcher.wait=false", "hydra.launcher.points_per_job=3"]


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Slurm with an empty queue, arrays of at most three tasks, and everything it is handed; `takes` so many arrays."""
    folder = answering(
        monkeypatch,
        tmp_path / "commands",
        sbatch="echo slurm-wlm",
        squeue='cat "$here/queue"',
        scontrol="echo 'MaxArraySize = 3'",
    )
    (folder / "queue").touch()
    handed = SimpleNamespace(tasks=[], arrays=[], takes=9, queue=folder / "queue")

    def submit(order):
        handed.tasks += order.tasks
        for number, (name, size) in enumerate(zip(order.names, order.arrays.sizes, strict=True)):
            if number >= handed.takes:
                raise Refused("sbatch: error: QOSMaxSubmitJobPerUserLimit")
            handed.arrays.append((name, size))
            yield [SimpleNamespace(job_id=f"{70 + number}_{index}") for index in range(size)]

    monkeypatch.setattr(submission, "submit", submit)
    return handed


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Runs the command; gives its exit code and what it says."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["pcsweep", *GRID, *LATER, *words, f"output_root={tmp_path}"])
        monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # which the command sets as well, and leaves
        monkeypatch.chdir(tmp_path)
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code
        except Exception as error:  # so the traceback is asked for
            return type(error).__name__, str(error)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def sent(tmp_path):
    return [list(task.identities) for task in submitted.tasks(submissions.read_all(tmp_path / "default"))]


def test_each_point_is_sent_once_and_largest_tasks_first(tmp_path, slurm, sweep):
    code, said = sweep()
    assert code == 0
    assert "10 to run in 4 tasks" in said
    assert "python -m pcsweep.status study=default" in said
    given = [[point.planned for pack in task.packs for point in pack] for task in slurm.tasks]
    assert [[each.identity for each in task] for task in given] == sent(tmp_path)
    assert len({each.identity for task in given for each in task}) == 10
    assert [len(task) for task in given] == [3, 3, 2, 2]
    assert [size for _, size in slurm.arrays] == [3, 1]


def test_tasks_that_are_expected_to_take_longest_come_first(slurm, sweep, monkeypatch):
    monkeypatch.setattr(estimate, "_assumed", lambda point, rate, loaded: float(point.settings.timesteps))
    assert sweep("hydra.launcher.points_per_job=auto", "hydra.launcher.target_minutes=1e-9")[0] == 0
    points = [point.planned.point for task in slurm.tasks for pack in task.packs for point in pack]
    assert len(points) == len(slurm.tasks) == 10
    assert [point.settings.timesteps for point in points] == [2] * 5 + [1] * 5


def test_what_is_in_the_queue_is_not_sent_again(tmp_path, slurm, sweep):
    sweep()
    names = [(name, index) for name, size in slurm.arrays for index in range(size)]
    slurm.queue.write_text("".join(f"70|{index}|PENDING|Priority|{name}\n" for name, index in names[1:]))
    before = sent(tmp_path)
    slurm.tasks.clear()
    code, said = sweep()
    assert code == 0
    assert f"{10 - len(before[0])} of them in the queue already" in said
    again = [point.planned.identity for task in slurm.tasks for pack in task.packs for point in pack]
    assert sorted(again) == sorted(before[0])
    assert all(len(pack) == 1 for task in slurm.tasks for pack in task.packs)  # they were lost, so point by point


def test_a_refusal_of_everything_leaves_no_submission(tmp_path, slurm, sweep):
    slurm.takes = 0
    kind, said = sweep()
    assert kind == "BadSetting"
    assert said == "Slurm refuses these tasks, so nothing was submitted: sbatch: error: QOSMaxSubmitJobPerUserLimit"
    assert sent(tmp_path) == []


def test_what_was_taken_before_a_refusal_stays(tmp_path, slurm, sweep):
    slurm.takes = 1
    code, said = sweep()
    assert code == 1
    assert "Slurm has not taken all tasks: sbatch: error: QOSMaxSubmitJobPerUserLimit" in said
    assert len(sent(tmp_path)) == 3
    assert all(each.sent for each in submissions.read_all(tmp_path / "default"))


def test_a_dry_run_sends_and_notes_nothing(tmp_path, slurm, sweep):
    code, said = sweep("hydra.launcher.dry_run=true")
    assert code == 0
    assert "Dry run: nothing was submitted." in said
    assert "2 arrays of 3, 1 tasks (no more than 3 in one)" in said
    assert slurm.tasks == []
    assert not (tmp_path / "default" / "submissions").exists()
    assert not (tmp_path / "default" / "planned").exists()


FOLDER = ["hydra.launcher.executor=folder_queue.Folder"]
SILENT = "#!/bin/sh\necho 'Unable to contact slurm controller' >&2\nexit 1\n"


def test_of_two_queues_one_that_is_silent_keeps_its_own_points_alone(tmp_path, slurm, sweep, monkeypatch):
    monkeypatch.setenv("FOLDER_QUEUE", str(tmp_path / "queue"))
    monkeypatch.setattr("folder_queue.cloudpickle.dumps", lambda task: b"")  # nobody runs it
    assert sweep("timesteps=1")[0] == 0
    (slurm.queue.parent / "squeue").write_text(SILENT)
    kind, said = sweep("timesteps=1", *FOLDER)
    assert (kind, said) == ("BadSetting", "Slurm does not answer, so nothing was submitted: Unable to contact slurm controller")
    code, said = sweep(*FOLDER)
    assert code == 0
    assert "10 to run in 2 tasks on a folder for 240 minutes" in said
    assert "Not sent again: 5 points in tasks that were sent before, for Slurm does not answer: Unable to contact" in said
    given = [[identity for array in each.arrays for task in array.tasks for identity in task] for each in read(tmp_path)]
    assert [len(each) for each in given] == [5, 5]
    assert not set(given[0]) & set(given[1])
    assert [each.executor for each in read(tmp_path)] == ["slurm", "folder_queue.Folder"]
    kind, said = sweep(*FOLDER, "hydra.launcher.dry_run=true")
    assert kind == 0
    assert "5 of them in the queue already" in said
    assert "Tasks, longest first" not in said
    monkeypatch.delenv("FOLDER_QUEUE")
    kind, said = sweep(*FOLDER)
    assert kind == "BadSetting"
    assert "but FOLDER_QUEUE is not set; try local" in said


def test_a_queue_of_its_own_that_is_silent_sends_nothing(tmp_path, slurm, sweep):
    (slurm.queue.parent / "squeue").write_text(SILENT)
    kind, said = sweep()
    assert (kind, said) == ("BadSetting", "Slurm does not answer, so nothing was submitted: Unable to contact slurm controller")
    assert sent(tmp_path) == []


def read(tmp_path):
    return submissions.read_all(tmp_path / "default")


def test_a_dry_run_shows_what_is_asked_in_the_executors_own_words(tmp_path, slurm, sweep, monkeypatch):
    monkeypatch.setenv("FOLDER_QUEUE", str(tmp_path / "queue"))
    code, said = sweep("hydra.launcher.dry_run=true", *FOLDER)
    assert code == 0
    assert "10 to run in 4 tasks on a folder for 240 minutes" in said
    assert "2 arrays of 2, 2 tasks (no more than 2 in one)" in said
    assert "Each asks for: minutes=240\n" in said
    assert "core-hours" in said
