"""Frozen code is whole or absent, there once, closed to others, and small."""

import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import cloudpickle
import pytest

from pcsweep.machine.provenance import SNAPSHOTS
from pcsweep.model.pefficientnet_lite0 import pefficientnet_lite0
from pcsweep.model.pminivgg import pminivgg
from pcsweep.sweep import snapshot
from pcsweep.sweep.snapshot import FrozenTask, Snapshot, freeze
from pcsweep.sweep.start import digest_of, files_in


def model(function=pminivgg, own=False, **arguments):
    return SimpleNamespace(function=function, own=own, arguments=arguments)


def size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def names(frozen):
    return {name for name, _ in files_in(str(frozen.folder))}


def test_it_holds_the_package_its_configuration_the_launcher_and_the_weights_of_its_models(tmp_path):
    frozen = freeze(tmp_path, [model(weights="published")], [])
    assert {
        "pcsweep/sweep/task.py",
        "pcsweep/report/page.html",
        "pcsweep/conf/config.yaml",
        "hydra_plugins/pcsweep_launcher/grid.py",
        "pcsweep/model/pminivgg.safetensors",
    } <= names(frozen)
    assert not any("__pycache__" in name for name in names(frozen))
    assert [name for name in names(frozen) if name.endswith(".safetensors")] == ["pcsweep/model/pminivgg.safetensors"]
    assert frozen.folder == tmp_path / SNAPSHOTS / frozen.digest
    assert digest_of(dict(files_in(str(frozen.folder)))) == frozen.digest
    assert size(frozen.folder) < 4_000_000


@pytest.mark.parametrize(
    ("given", "held"), [(None, ["reconstruction"]), ("denoising", ["denoising"]), ("mine.safetensors", []), ("random", [])]
)
def test_of_several_sets_of_weights_it_holds_the_one_that_is_read(tmp_path, given, held):
    frozen = freeze(tmp_path, [model(pefficientnet_lite0, feedback_weights=given)], [])
    found = [name for name in sorted(names(frozen)) if name.endswith(".safetensors")]
    assert found == [f"pcsweep/model/pefficientnet_lite0_{name}.safetensors" for name in held]
    assert size(frozen.folder) < 6_000_000


def test_it_is_there_once_and_for_its_owner_alone(tmp_path):
    with ThreadPoolExecutor(4) as threads:
        found = {each.digest for each in threads.map(lambda _: freeze(tmp_path, [model()], []), range(8))}
    (only,) = (tmp_path / SNAPSHOTS).iterdir()
    assert {only.name} == found
    assert [stat.S_IMODE(path.stat().st_mode) for path in (only.parent, only)] == [0o700, 0o700]
    inode = only.stat().st_ino
    freeze(tmp_path, [model()], [])
    assert only.stat().st_ino == inode


def test_one_that_was_edited_is_made_anew_and_what_killed_commands_left_is_removed(tmp_path):
    frozen = freeze(tmp_path, [], [])
    (frozen.folder / "pcsweep" / "__init__.py").write_text("edited")
    half = frozen.folder.with_name(".abc.0-1-1.00.tmp")
    dead = frozen.folder.with_name(f".abc.{snapshot.this_process().tag.rpartition('-')[0]}-1.00.tmp")
    for each in (half, dead):
        each.mkdir()
    assert freeze(tmp_path, [], []) == frozen
    assert digest_of(dict(files_in(str(frozen.folder)))) == frozen.digest
    assert sorted(path.name for path in frozen.folder.parent.iterdir()) == [
        half.name,
        frozen.digest,
    ]  # of another machine, perhaps


def test_a_kill_half_way_leaves_nothing_under_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot.os, "rename", lambda *_: pytest.fail("reached"))
    monkeypatch.setattr(snapshot.Path, "write_bytes", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        freeze(tmp_path, [], [])
    assert list((tmp_path / SNAPSHOTS).iterdir()) == []


def test_a_folder_that_others_may_write_is_refused(tmp_path):
    (tmp_path / SNAPSHOTS).mkdir()
    (tmp_path / SNAPSHOTS).chmod(0o770)
    with pytest.raises(PermissionError, match="others may write it"):
        freeze(tmp_path, [], [])


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A module of the user's own and one beside it, with this text in the second."""

    def write(text):
        (tmp_path / "there").mkdir()
        (tmp_path / "there" / "snap_own.py").write_text("import snap_beside\n")
        (tmp_path / "there" / "snap_beside.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path / "there")
        __import__("snap_own")

    yield write
    for name in ("snap_own", "snap_beside"):
        sys.modules.pop(name, None)


def test_the_users_own_modules_are_in_it_with_those_beside_them(own, tmp_path):
    own("STRENGTH = 2\n")
    frozen = freeze(tmp_path, [], ["snap_own"])
    assert {"own/0/snap_own.py", "own/0/snap_beside.py"} <= names(frozen)


@pytest.mark.parametrize("text", ["PLACE = __file__\n", "import importlib\nimportlib.import_module('json')\n"])
def test_one_that_looks_around_stays_where_it_is(own, tmp_path, text):
    own(text)
    assert not any(name.startswith("own/") for name in names(freeze(tmp_path, [], ["snap_own"])))


def test_a_pickled_task_needs_nothing_but_python_and_runs_the_frozen_code(tmp_path):
    frozen = freeze(tmp_path, [], [])

    def work():
        from pathlib import Path

        import pcsweep

        Path("trace").write_text(str(Path(pcsweep.__file__).resolve().parents[1]))

    text = cloudpickle.dumps(FrozenTask(work, Snapshot(frozen.folder, frozen.digest)))
    (tmp_path / "task.pkl").write_bytes(text)
    code = "import pickle, sys; pickle.load(open('task.pkl', 'rb'))(); assert not any('pcsweep' in name for name in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "trace").read_text() == str(frozen.folder)
    assert pickle.loads(text).func is subprocess.run
