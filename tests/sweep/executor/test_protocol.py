"""A third executor, which the package knows nothing of: a study is sent through it, looked at, cancelled and finished."""

import os
from pathlib import Path

import pytest
from commands import ONE_THREAD
from commands import run as run_command
from commands import start as start_command

TESTS = Path(__file__).parents[2]
GRID = [
    "-m",
    "pcoder.beta=0.1,0.2,0.3",
    "timesteps=1",
    "dataset.limit=2",
    "hydra.launcher.points_per_job=1",
    "hydra.launcher.points_per_pack=1",
]
OURS = "hydra.launcher.executor=folder_queue.Folder"


@pytest.fixture
def run(tmp_path):
    """Gives a command of pcsweep in the test's folder."""

    def command(module, *words, **more):
        own = {"FOLDER_QUEUE": str(tmp_path / "queue"), "PYTHONPATH": str(TESTS), "COLUMNS": "160"}
        done = run_command(*words, module=module, folder=tmp_path, environment=os.environ | ONE_THREAD | own | more)
        return done.returncode, done.stdout + done.stderr

    return command


@pytest.fixture
def worker(tmp_path):
    """Starts what works through the queue; it is ended with the test."""
    environment = os.environ | ONE_THREAD | {"FOLDER_QUEUE": str(tmp_path / "queue"), "PYTHONPATH": str(TESTS)}
    started = []

    def start():
        started.append(start_command(module="folder_queue", folder=tmp_path, environment=environment))

    yield start
    for process in started:
        process.terminate()
        process.wait()


def test_a_study_goes_through_an_executor_of_ones_own(tmp_path, run, worker):
    code, said = run("pcsweep", *GRID, OURS, "hydra.launcher.wait=false")
    assert code == 0, said
    assert "3 to run in 3 tasks on a folder for 240 minutes" in said
    code, said = run("pcsweep.status", "study=default")
    assert code == 0, said
    assert "in 3 tasks: 1_0, 1_1, 2 (Turn)" in said
    code, said = run("pcsweep.status", "study=default", PYTHONPATH="")
    assert code == 0, said
    assert "folder_queue.Folder does not answer" in said.replace("\n", " ")
    code, said = run("pcsweep.cancel", "study=default")
    assert (code, said) == (0, "Cancelled 3 tasks of default, of jobs 1, 2.\n")
    assert not list((tmp_path / "queue" / "pending").iterdir())
    (tmp_path / "queue" / "lose").touch()
    worker()
    code, said = run("pcsweep", *GRID, OURS)
    assert code == 1, said
    assert "1 of 3 points is not done" in said
    assert "the folder has lost it" in said
    assert len(list((tmp_path / "outputs" / "default" / "shards").glob("*.parquet"))) == 2
    code, said = run("pcsweep", *GRID, OURS)
    assert code == 0, said
    code, said = run("pcsweep", *GRID, "hydra.launcher.executor=local", "study=here")
    assert code == 0, said
    for study in ("default", "here"):
        assert run("pcsweep.aggregate", f"study={study}")[0] == 0
    tables = [(tmp_path / "outputs" / study / "aggregate.csv").read_bytes() for study in ("default", "here")]
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cloud", "'auto', 'slurm' or 'local', but got 'cloud'"),
        ("nowhere_at_all.Queue", "nowhere_at_all: ModuleNotFoundError"),
        ("folder_queue.STATES", "folder_queue.STATES is not"),
        ("pcsweep.status.main", "but got 'pcsweep.status.main'"),
    ],
)
def test_what_is_no_executor_is_refused(tmp_path, run, name, said):
    code, out = run("pcsweep", *GRID, f"hydra.launcher.executor={name}")
    assert code == 2, out
    assert said in out.replace("\n", " ")
    assert not (tmp_path / "outputs" / "default").exists()
