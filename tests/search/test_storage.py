import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pcsweep.config.errors import BadSetting
from pcsweep.search import storage
from pcsweep.search.place import journal
from pcsweep.search.storage import opened


def test_a_study_without_a_search_has_none_and_gets_none_by_being_read(tmp_path):
    assert opened(tmp_path) is None
    assert not journal(tmp_path).parent.exists()


@pytest.mark.parametrize("left", [b"{", b'{"op_code": 4, "worker_id": "x"', b'{"op_code":'])
def test_a_line_that_was_cut_off_is_taken_away_by_the_next_writer(tmp_path, left):
    study = opened(tmp_path, ["maximize"])
    study.ask()
    with open(journal(tmp_path), "ab") as file:
        file.write(left)
    assert len(opened(tmp_path).trials) == 1
    again = opened(tmp_path, ["maximize"])
    again.ask()
    assert len(opened(tmp_path).trials) == 2
    for line in journal(tmp_path).read_text().splitlines():
        json.loads(line)


def test_a_full_disk_leaves_the_journal_readable(tmp_path, monkeypatch):
    study = opened(tmp_path, ["maximize"])
    study.ask()
    before = journal(tmp_path).read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            study.ask()
    assert journal(tmp_path).read_bytes() == before
    assert len(opened(tmp_path).trials) == 1


def test_what_is_no_journal_is_named(tmp_path):
    opened(tmp_path, ["maximize"])
    journal(tmp_path).write_text("no json\nat all\n")
    with pytest.raises(BadSetting, match="Expected a search in .*journal.log, but it cannot be read"):
        opened(tmp_path)


@pytest.mark.filterwarnings("ignore")  # of a grace as short as here
@pytest.mark.parametrize("moved", [False, True])
def test_the_lock_of_a_command_that_was_killed_is_taken_away(tmp_path, monkeypatch, moved):
    monkeypatch.setattr(storage, "_GRACE", 1)
    monkeypatch.chdir(tmp_path)
    folder = Path("outputs/s")  # as commands are given it
    opened(folder, ["maximize"])
    storage._Lock(journal(folder)).acquire()  # and nobody releases it
    if moved:
        folder = folder.rename("elsewhere")
    asking = threading.Thread(target=lambda: opened(folder, ["maximize"]).ask(), daemon=True)
    asking.start()
    asking.join(30)
    assert not asking.is_alive()
    assert len(opened(folder).trials) == 1


def test_several_processes_write_at_once(tmp_path):
    opened(tmp_path, ["maximize"])
    code = (
        "import sys; from pathlib import Path; from pcsweep.search.storage import opened\n"
        "study = opened(Path(sys.argv[1]), ['maximize'])\n"
        "for _ in range(10):\n    trial = study.ask(); trial.suggest_float('x', 0, 1); study.tell(trial, 0.5)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    trials = opened(tmp_path).trials
    assert sorted(trial.number for trial in trials) == list(range(30))
    assert all(trial.value == 0.5 for trial in trials)


def test_optunas_dashboard_reads_it(tmp_path):
    dashboard = pytest.importorskip("optuna_dashboard")
    study = opened(tmp_path, ["maximize"])
    trial = study.ask()
    trial.suggest_float("pcoder.beta", 0, 1)
    study.tell(trial, 0.25)
    application = dashboard.wsgi(study._storage)
    said = {}

    def start(status, headers, *_):
        said["status"] = status

    environment = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/studies/0",
        "QUERY_STRING": "after=0",
        "SERVER_NAME": "x",
        "SERVER_PORT": "0",
    }
    environment |= {"wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}
    body = b"".join(application(environment, start)).decode()
    assert said["status"].startswith("200")
    assert "pcoder.beta" in body
