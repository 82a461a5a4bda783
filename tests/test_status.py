"""`python -m pcsweep.status`: a study's points are counted and what failed is told, whether or not Slurm answers."""

import json
import os
import re
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toy_costs import GIB, of_pack
from toy_slurm import answering, without_slurm

from pcsweep.status import HELP, main
from pcsweep.study import failures, submissions
from pcsweep.study.claims import Claims
from pcsweep.study.shards import SCHEMA_VERSION
from pcsweep.study.spent import KEY, text_of
from pcsweep.study.submissions import new

NAMES = "abcdefgh"
COMMAND = "python -m pcsweep -m 'pcoder.beta=[0.1,0.2],[red]' study=mine"
PLAN = {"command": COMMAND, "schema_version": SCHEMA_VERSION}


@pytest.fixture
def study(tmp_path):
    """Eight points, and one that is skipped."""
    folder = tmp_path / "outputs" / "mine"
    (folder / "shards").mkdir(parents=True)
    (folder / "planned").mkdir()
    points = [{"identity": name, "label": f"β={name} [x]", "settings": {}, "skipped": False} for name in NAMES]
    points.append({"identity": None, "label": "z", "settings": {"z": 1}, "skipped": True})
    (folder / "planned" / "1.json").write_text(json.dumps({**PLAN, "points": points}))
    return folder


@pytest.fixture
def status(study, capsys):
    def run(*words):
        code = main([*(words or ("study=mine",)), f"output_root={study.parent}"])
        return code, *capsys.readouterr()

    return run


def finish(study, *names, ago=0.0):
    for name in names:
        (study / "shards" / f"{name}.parquet").touch()
        os.utime(study / "shards" / f"{name}.parquet", (time.time() - ago,) * 2)


def finish_with_cost(study, spent, *names):
    """Shards without rows, of which only the metadata is read."""
    table = pa.table({}).replace_schema_metadata({f"pcsweep.{KEY}": text_of(spent)})
    for name in names:
        pq.write_table(table, study / "shards" / f"{name}.parquet")


def send(study):
    """Slurm has an array of four tasks with one point each, and one of two that is not sent yet."""
    return submissions.with_jobs(new(study, [[name] for name in "abcdef"], [4, 2], "", []), ["7"])


def counts(out):
    return {
        words[1]: int(words[2])
        for words in re.finditer(r"^ *(done|running|pending|failed|unknown|to do|skipped) +(\d+)", out, re.M)
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["study=nope"], r"to name a study in .*outputs \(there: mine\), but got 'nope'"),
        (["study=../mine"], "but got '../mine'"),
        ([], "but got ''"),
        (["study="], "but got ''"),
        (["studdy=mine"], "Expected one of study=, output_root=, watch=, every=, cells=, but got 'studdy'"),
        (["others"], "but got 'others'"),
        (["study=mine", "watch=yes"], "Expected `watch` to be true or false, but got 'yes'"),
        (["study=mine", "cells="], "Expected `cells` to be true or false, but got ''"),
        (["study=mine", "watch=true", "every=0"], "Expected `every` to be a whole number of at least 1, but got '0'"),
        (["study=mine", "watch=true", "every=2s"], "Expected `every` to be a whole number of at least 1, but got '2s'"),
        (["study=mine", "every=5"], "Expected `every` beside watch=true"),
        (["study=later", "watch=true"], r"to name a study in .*outputs \(there: mine\), but got 'later'"),
    ],
)
def test_what_cannot_be_followed_is_told_in_one_line(study, capsys, words, said):
    assert main([*words, f"output_root={study.parent}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"pcsweep.status: .*{said}.*\n", err)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help(capsys, word):
    assert main(["nonsense", word]) == 0
    assert capsys.readouterr().out.strip() == HELP.strip()


def test_a_study_without_slurm(study, status, tmp_path, monkeypatch):
    without_slurm(monkeypatch, tmp_path / "empty")
    finish(study, "a", "b")
    code, out, err = status()
    assert (code, err) == (0, "")
    assert counts(out) == {"done": 2, "running": 0, "pending": 0, "failed": 0, "to do": 6, "skipped": 1}
    assert "25%" in out
    assert f"  {COMMAND}\n" in out
    assert "Slurm does not answer" not in out


def test_a_finished_study_has_nothing_to_do(study, status):
    finish(study, *NAMES)
    _, out, _ = status()
    assert counts(out) == {"done": 8, "running": 0, "pending": 0, "failed": 0, "to do": 0, "skipped": 1}
    assert "100%" in out
    assert COMMAND not in out


def test_every_point_is_counted_once_with_slurm(study, status, tmp_path, monkeypatch):
    sent = send(study)
    name = sent.arrays[0].name
    rows = [f"7|1|RUNNING|None|{name}", f"7|2|PENDING|(Nodes [bold]n[1-3])|{name}", "8|0|RUNNING|None|another"]
    answering(monkeypatch, tmp_path / "commands", squeue="\n".join(f"echo '{row}'" for row in rows))
    finish(study, "a")
    failures.note(study, "e", "β=e [x]", ValueError("in [0, 1], not [red]high[/red]"), "/logs/[e].log")
    (sent.logs / "7_3_0_log.err").write_text("Traceback\nslurmstepd: error: [oom] Killed\n")
    _, out, _ = status()
    assert counts(out) == {"done": 1, "running": 1, "pending": 1, "failed": 3, "to do": 2, "skipped": 1}
    assert re.search(r"running +1 +in 1 task: 7_1", out)
    assert "(Nodes [bold]n[1-3])" in out
    assert "3 points failed" in out
    assert "β=e [x]" in out
    assert "ValueError: in [0, 1], not [red]high[/red]" in out
    assert "/logs/[e].log" in out
    assert "task 7_3 ended without a result: slurmstepd: error: [oom] Killed" in out
    assert "its submission was interrupted before Slurm had taken it" in out  # f; e has its own note
    assert COMMAND in out


def test_a_silent_slurm_loses_nothing(study, status, tmp_path, monkeypatch):
    send(study)
    answering(monkeypatch, tmp_path / "commands", squeue="echo 'Unable to contact [red]slurm' >&2; exit 1")
    finish(study, "a")
    failures.note(study, "g", "β=g", ValueError("no"), None)
    code, out, _ = status()
    assert code == 0
    assert counts(out) == {"done": 1, "running": 0, "pending": 0, "failed": 1, "unknown": 5, "to do": 1, "skipped": 1}
    assert "Slurm does not answer, so who runs and who failed is not known: Unable to contact [red]slurm" in out


def test_of_two_queues_one_that_is_silent_hides_its_own_tasks_alone(study, status, tmp_path, monkeypatch):
    sent = send(study)
    new(study, [["g"], ["h"]], [2], "", [sent], submissions.Destination("gone.Queue"))
    answering(monkeypatch, tmp_path / "commands", squeue=f"echo '7|1|RUNNING|None|{sent.arrays[0].name}'")
    code, out, _ = status()
    assert code == 0
    assert counts(out) == {"done": 0, "running": 1, "pending": 0, "failed": 5, "unknown": 2, "to do": 0, "skipped": 1}
    assert "gone.Queue does not answer, so who runs and who failed is not known: " in out
    assert "Slurm does not" not in out


def test_what_one_queue_hides_is_told_beside_another_that_is_silent(study, status, tmp_path, monkeypatch):
    sent = send(study)
    new(study, [["g"], ["h"]], [2], "", [sent], submissions.Destination("gone.Queue"))
    os.chown(sent.path, 12345, -1)
    answering(monkeypatch, tmp_path / "commands", squeue="exit 0", scontrol="echo 'PrivateData             = jobs,usage'")
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    _, out, _ = status()
    assert (counts(out)["unknown"], counts(out)["failed"]) == (8, 0)
    assert "Slurm does not show the tasks of user 12345" in out
    assert "gone.Queue does not answer" in out


def test_cancelled_tasks_are_to_do(study, status, tmp_path, monkeypatch):
    sent = submissions.with_jobs(send(study), ["7", "8"])
    submissions.cancelled(sent)
    answering(monkeypatch, tmp_path / "commands", squeue="exit 0")
    assert counts(status()[1]) == {"done": 0, "running": 0, "pending": 0, "failed": 0, "to do": 8, "skipped": 1}


def test_many_failures_are_counted(study, status):
    points = [{"identity": f"i{n}", "label": f"β={n}", "settings": {}, "skipped": False} for n in range(60)]
    (study / "planned" / "1.json").write_text(json.dumps({**PLAN, "points": points}))
    for n in range(60):
        failures.note(study, f"i{n}", f"β={n}", ValueError("no"), None)
    _, out, _ = status()
    assert out.count("ValueError: no") == 50
    assert "… and 10 more failed" in out


def test_the_pace_is_that_of_this_command(study, status):
    finish(study, "a", "b", ago=3000)
    assert "per minute" not in status()[1]
    os.utime(study / "planned" / "1.json", (time.time() - 60,) * 2)
    finish(study, "c", "d", ago=10)
    assert "Lately 2 points per minute; at this rate those to do take about 2.0 minutes" in status()[1]


def test_nothing_is_changed(study, status, tmp_path, monkeypatch):
    send(study)
    answering(monkeypatch, tmp_path / "commands", squeue="exit 0")

    def content():
        return {path: (path.stat().st_mtime_ns, path.is_file() and path.read_bytes()) for path in study.rglob("*")}

    before = content()
    status()
    assert content() == before


def test_what_a_command_computes_here_runs_and_is_not_advised_again(study, status):
    finish(study, *"abcd")
    failures.note(study, "h", "β=h", ValueError("no"), None)  # from the last time
    with Claims(study, list("efgh")) as claims:
        claims.take("e")
        _, out, _ = status()
        assert counts(out) == {"done": 4, "running": 1, "pending": 3, "failed": 0, "to do": 0, "skipped": 1}
        assert re.search(rf"running +1 +computing here by pid {os.getpid()} on ", out)
        assert re.search(rf"pending +3 +next for pid {os.getpid()} on ", out)
        assert COMMAND not in out
        assert "those being computed take about" in out
    assert COMMAND in status()[1]


def test_a_colleagues_tasks_are_looked_for_under_their_name(study, status, tmp_path, monkeypatch):
    sent = send(study)
    os.chown(sent.path, 12345, -1)
    row = f"7|1|RUNNING|None|{sent.arrays[0].name}"
    answering(monkeypatch, tmp_path / "commands", squeue=f"echo $* | grep -q -- --user=12345 && echo '{row}'")
    assert counts(status()[1])["running"] == 1


def test_a_colleagues_tasks_that_slurm_hides_are_unknown(study, status, tmp_path, monkeypatch):
    sent = send(study)
    os.chown(sent.path, 12345, -1)
    answering(monkeypatch, tmp_path / "commands", squeue="exit 0", scontrol="echo 'PrivateData             = jobs,usage'")
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    code, out, _ = status()
    assert code == 0
    assert (counts(out)["unknown"], counts(out)["failed"]) == (6, 0)
    assert "Slurm does not show the tasks of user 12345" in out


def test_a_log_that_is_somebody_elses_is_no_error(study, status, tmp_path, monkeypatch):
    sent = send(study)
    answering(monkeypatch, tmp_path / "commands", squeue="exit 0", scontrol="echo 'PrivateData = none'")
    exists = type(sent.path).exists

    def closed(path, **options):
        if path.is_relative_to(sent.logs):
            raise PermissionError(13, "Permission denied", str(path))
        return exists(path, **options)

    monkeypatch.setattr(type(sent.path), "exists", closed)
    code, out, _ = status()
    assert code == 0
    assert "its log cannot be read here (Permission denied); it belongs to root" in out or "it belongs to" in out


def test_held_tasks_are_explained(study, status, tmp_path, monkeypatch):
    name = send(study).arrays[0].name
    rows = [f"7|1|PENDING|launch failed requeued held|{name}", f"7|2|PENDING|Priority|{name}", f"7|3|PENDING|JobHeldUser|{name}"]
    answering(monkeypatch, tmp_path / "commands", squeue="\n".join(f"echo '{row}'" for row in rows))
    out = status()[1]
    assert "Job 7 is pending (launch failed requeued held): the node could not start it" in out
    assert "Job 7 is pending (JobHeldUser): it is held; scontrol release 7  lets it go." in out
    assert "(Priority)" not in out


def test_what_files_say_is_not_obeyed_by_the_terminal(study, status, tmp_path, monkeypatch):
    name = send(study).arrays[0].name
    answering(monkeypatch, tmp_path / "commands", squeue=f"printf '7|1|PENDING|\\033]0;x\\007\\n' | sed 's/$/|{name}/'")
    failures.note(study, "h", "\x1b[31mh", ValueError("\x1b[2J\x9b"), "\x07log")
    plan = json.loads((study / "planned" / "1.json").read_text())
    (study / "planned" / "1.json").write_text(json.dumps({**plan, "command": "\x1b]52;c;x\x07"}))
    out = status()[1]
    assert not {"\x1b", "\x07", "\x9b"} & set(out)
    assert r"ValueError: \x1b[2J\x9b" in out


def test_a_study_that_cannot_be_read_is_told_in_one_line(study, status, monkeypatch):
    scandir = os.scandir

    def stale(path):
        if str(path).endswith("shards"):
            raise OSError(116, "Stale file handle", str(path))
        return scandir(path)

    monkeypatch.setattr("pcsweep.sweep.standing.os.scandir", stale)
    monkeypatch.setattr("pcsweep.machine.patience.time.sleep", lambda seconds: None)
    code, out, err = status()
    assert (code, out) == (1, "")
    assert err == f"pcsweep.status: OSError: Stale file handle: {study / 'shards'}\n"


def test_one_error_is_looked_past(study, status, monkeypatch):
    finish(study, "a")
    scandir, failing = os.scandir, [True]

    def once(path):
        if failing.pop() if failing else False:
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr("pcsweep.sweep.standing.os.scandir", once)
    code, out, err = status()
    assert (code, err) == (0, "")
    assert counts(out)["done"] == 1


def test_what_was_spent_is_told_in_a_line(study, status):
    finish(study, "h")
    assert "So far" not in status()[1]
    finish_with_cost(study, of_pack(1, task="7", memory_asked=16 * GIB, seconds={"dynamics": 2556.0, "other": 1044.0}), *"ab")
    assert "So far: 8 core-hours, 71 % dynamics; peak memory 2 of 16 GiB\n" in status()[1]
    finish_with_cost(study, of_pack(1, gpu_memory=1, gpu_limit=2, seconds={"metrics": 36000.0}), "c")
    assert "So far: 8 core-hours and 10 GPU-hours, 83 % metrics; peak memory 2 of 16 GiB\n" in status()[1]


def test_of_many_shards_what_was_spent_is_told_from_some(study, status, monkeypatch):
    monkeypatch.setattr("pcsweep.status._LOOKED_AT", 4)
    finish_with_cost(study, of_pack(1, seconds={"dynamics": 3600.0}), *NAMES)
    assert "So far: about 16 core-hours, 100 % dynamics; peak memory 2 GiB\n" in status()[1]


def test_notes_and_tags_are_told(study, status):
    path = study / "planned" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "note": "second [b]try", "tags": ["alpha", "quick"]}))
    code, out, _ = status()
    assert code == 0
    assert "Note: second [b]try [alpha, quick]" in out
