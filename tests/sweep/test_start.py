"""A task starts with a snapshot that is as it was submitted, and with no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcsweep.sweep import start
from pcsweep.sweep.start import Changed, digest_of, files_in, opened, paths_in

FILES = {"pcsweep/__init__.py": b"", "pcsweep/sweep/__init__.py": b"", "own/0/mine.py": b"", "own/1/site-packages/theirs.py": b""}
TASK = b"def main(last):\n    import mine, theirs\n    print('ran', last, __file__)\n    return 3\n"


@pytest.fixture
def snapshot(tmp_path):
    """A folder of code, and its hash."""
    files = {**FILES, "pcsweep/sweep/task.py": TASK}
    folder = tmp_path / "code" / "abc"
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    folder.chmod(0o700)
    return folder, digest_of(files)


def test_the_hash_is_of_names_and_contents_in_whatever_order(snapshot):
    folder, digest = snapshot
    assert digest_of(dict(reversed(list(files_in(str(folder)))))) == digest
    assert digest_of({"a": b"bc"}) != digest_of({"ab": b"c"})
    assert digest_of({"a": b"", "b": b""}) != digest_of({"a": b""})


def test_its_folders_come_first_on_pythons_path(snapshot):
    folder, _ = snapshot
    assert paths_in(str(folder)) == [f"{folder}/{name}" if name else str(folder) for name in ("", "own/0", "own/1/site-packages")]


def started(folder, digest, cwd, *words):
    text = Path(start.__file__).read_text().replace("PATIENCE = 60.0", "PATIENCE = 0.1")
    command = [sys.executable, "-u", "-c", text, str(folder), digest, *words]
    return subprocess.run(command, cwd=cwd, env={"PYTHONPATH": str(cwd)}, capture_output=True, text=True)


def test_it_runs_before_what_else_is_on_the_path(snapshot, tmp_path):
    other = tmp_path / "checkout" / "pcsweep" / "sweep"
    other.mkdir(parents=True)
    (other / "task.py").write_text("def main(last):\n    return 4\n")
    (other.parent / "__init__.py").touch()
    done = started(*snapshot, tmp_path / "checkout", "-u", "-m", "submitit", "last")
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("ran last /proc/self/fd/")
    assert digest_of(dict(files_in(str(snapshot[0])))) == snapshot[1]  # no bytecode was left there


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: (folder / "pcsweep" / "sweep" / "task.py").write_text("edited"), "has been changed since"),
        (lambda folder: (folder / "pcsweep" / "extra.py").touch(), "has been changed since"),
        (lambda folder: (folder / "pcsweep" / "__init__.py").unlink(), "has been changed since"),
        (lambda folder: (folder / "json.py").symlink_to("/dev/null"), "json.py in it is no file"),
        (lambda folder: folder.chmod(0o770), "others may write it (mode 0770)"),
        (lambda folder: folder.rename(folder.with_name("away")), "No such file or directory"),
    ],
)
def test_one_that_is_not_as_it_was_is_refused(snapshot, tmp_path, spoil, why):
    spoil(snapshot[0])
    done = started(*snapshot, tmp_path, "last")
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"pcsweep: This task does not run, for the code that was submitted is not as it was in {snapshot[0]}: "
    )
    assert why in line


def test_somebody_elses_is_refused(snapshot, monkeypatch):
    folder, digest = snapshot
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(Changed, match=f"it belongs to user {owner}"):
        opened(str(folder), digest)


def test_what_is_put_in_its_place_later_is_not_seen(snapshot, tmp_path):
    folder, digest = snapshot
    path = opened(str(folder), digest)
    folder.rename(tmp_path / "away")
    folder.mkdir()
    assert "pcsweep" in os.listdir(path)
