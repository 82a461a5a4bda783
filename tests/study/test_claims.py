"""Claims of grid points: one command at a time computes a point, and a dead one holds none."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from pcsweep.machine.processes import this_process
from pcsweep.study import claims
from pcsweep.study.claims import FOLDER, Claims, claimed, computing
from pcsweep.study.tidying import tidy

DIES = (  # holding a claim of `a`, and meaning to compute `b` as well
    "import os, sys; from pathlib import Path; from pcsweep.study.claims import Claims;"
    "claims = Claims(Path(sys.argv[1]), ['a', 'b']); claims.__enter__(); assert claims.take('a'); os.kill(os.getpid(), 9)"
)


@pytest.fixture
def killed(tmp_path):
    """A study in which a killed command has left its claims."""
    assert subprocess.run([sys.executable, "-c", DIES, str(tmp_path)], check=False).returncode == -9
    assert len(list((tmp_path / FOLDER).iterdir())) == 2
    return tmp_path


def elsewhere(folder, ago, name="a"):
    """A claim by a command of another machine."""
    (folder / FOLDER).mkdir(exist_ok=True)
    path = folder / FOLDER / name
    owner = {"host": "node9", "place": "0123abcd", "number": 7, "start": "5"}
    path.write_text(json.dumps({"process": owner, "identities": ["a", "z"]}))
    os.utime(path, (time.time() - ago,) * 2)
    return path


def test_a_point_is_claimed_once_and_given_back(tmp_path):
    with Claims(tmp_path, ["a", "b"]) as one, Claims(tmp_path, ["a", "b"]) as other:
        assert one.take("a")
        assert not other.take("a")
        assert not one.take("a")
        assert other.take("b")
        who = f"pid {os.getpid()} on {this_process().host}"
        assert computing(tmp_path) == ({"a": who, "b": who}, {})
        one.release("a")
        assert computing(tmp_path) == ({"b": who}, {"a": who})
        assert other.take("a")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_command_held_is_free_at_once(killed):
    assert computing(killed) == ({}, {})
    with Claims(killed, ["a"]) as mine:
        assert mine.take("a")
    assert list(killed.iterdir()) == []


def test_one_of_another_machine_is_dead_when_it_is_silent(tmp_path):
    elsewhere(tmp_path, ago=20)
    assert computing(tmp_path)[0] == {"a": "pid 7 on node9"}
    with Claims(tmp_path, ["a"]) as mine:
        assert not mine.take("a")
        elsewhere(tmp_path, ago=500)
        assert mine.take("a")
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_was_killed_while_it_removed_a_claim_is_in_nobodys_way(tmp_path):
    with Claims(tmp_path, ["a"]) as mine:
        elsewhere(tmp_path, ago=500)
        turn = tmp_path / "claims" / "a.turn"
        turn.write_bytes((tmp_path / "claims" / "a").read_bytes())
        assert not mine.take("a")  # as long as it may be alive
        os.utime(turn, (0, 0))
        assert mine.take("a")
        assert computing(tmp_path)[0].keys() == {"a"}
    assert list(tmp_path.iterdir()) == []


def test_of_many_that_take_over_one_does(tmp_path):
    taken, start = [], threading.Barrier(8)

    def take(each):
        start.wait()
        taken.append(each.take("a"))

    for _ in range(10):
        taken.clear()
        everyone = [Claims(tmp_path, ["a"]) for _ in range(8)]
        for each in everyone:
            each.__enter__()
        elsewhere(tmp_path, ago=500)
        threads = [threading.Thread(target=take, args=[each]) for each in everyone]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(taken) == 1
        for each in everyone:
            each.__exit__()
    assert list(tmp_path.iterdir()) == []


def test_claims_are_renewed(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_RENEWED", 0.01)
    with Claims(tmp_path, ["a"]) as mine:
        assert mine.take("a")
        os.utime(tmp_path / FOLDER / "a", (0, 0))
        deadline = time.monotonic() + 10
        while (tmp_path / FOLDER / "a").stat().st_mtime == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (tmp_path / FOLDER / "a").stat().st_mtime > 0


def test_without_links_and_without_room(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    with Claims(tmp_path, ["a"]) as one, Claims(tmp_path, ["a"]) as other:
        assert one.take("a")
        assert not other.take("a")
        monkeypatch.setattr("builtins.open", refused)
        assert other.take("b")  # it cannot be claimed, and is computed all the same
        monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_single_point_waits_for_the_other_command(tmp_path, monkeypatch):
    path = elsewhere(tmp_path, ago=0)
    looks = []
    monkeypatch.setattr(claims, "pause", lambda: looks.append(1))
    with claimed(tmp_path, "a", lambda: len(looks) > 2) as ours:
        assert not ours
    path.unlink()
    with claimed(tmp_path, "a", lambda: False) as ours:
        assert ours


def test_files_that_say_nothing_are_passed_over(tmp_path):
    (tmp_path / FOLDER).mkdir()
    for name, text in (("a", ""), ("b", "[" * 10**5), ("c", '{"process": {"host": 1}}'), ("d.command", '{"identities": 5}')):
        (tmp_path / FOLDER / name).write_text(text)
    assert computing(tmp_path) == (dict.fromkeys("abc", "another command"), {})
    with Claims(tmp_path, ["a"]) as mine:
        assert not mine.take("a")


@pytest.mark.parametrize(
    "content", ["", "[]", '"x"', "{}", '{"process": 7, "identities": []}', "[" * 100_000, '{"process": {"number": "7"}}']
)
def test_a_claim_that_says_nothing_counts_until_it_is_old(tmp_path, content):
    (tmp_path / FOLDER).mkdir()
    path = tmp_path / FOLDER / "a"
    for name in ("a", f"x{claims._NOTE}"):
        (tmp_path / FOLDER / name).write_text(content)
    assert computing(tmp_path) == ({"a": "another command"}, {})
    with Claims(tmp_path, ["a"]) as mine:
        assert not mine.take("a")
        for ago in (500, -500):
            os.utime(path, (time.time() - ago,) * 2)
            assert mine.take("a")
            mine.release("a")
            path.write_text(content)


def test_what_no_command_has_made_holds_no_point(tmp_path):
    (tmp_path / FOLDER / "folder" / "inside").mkdir(parents=True)
    os.mkfifo(tmp_path / FOLDER / "pipe")
    (tmp_path / FOLDER / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / FOLDER / f"pipe{claims._NOTE}")
    names = {path.name for path in (tmp_path / FOLDER).iterdir()}
    with Claims(tmp_path, ["folder", "pipe", "link"]) as mine:
        assert all(mine.take(name) for name in ("folder", "pipe", "link"))
    assert {path.name for path in (tmp_path / FOLDER).iterdir()} == names


def test_what_a_killed_command_held_goes_with_the_last_command_and_with_the_next_reader(killed):
    with Claims(killed, ["c"]):
        assert subprocess.run([sys.executable, "-c", DIES, str(killed)], check=False).returncode == -9
    assert list(killed.iterdir()) == []
    assert subprocess.run([sys.executable, "-c", DIES, str(killed)], check=False).returncode == -9
    tidy(killed)
    assert list(killed.iterdir()) == []
