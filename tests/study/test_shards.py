"""A shard is complete or absent: cut, flipped, killed, out of space, or written twice at once."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pcsweep.machine.files import replacing
from pcsweep.metric import TABLE
from pcsweep.study import shards, verification
from pcsweep.study.damaged import gather_damaged, is_done, set_aside

SETTINGS = {
    "model": {"name": "toy"},
    "dataset": {"name": "shapes"},
    "pcoder": {"active": [1], "beta": [0.7000000000000001], "lambda": [0.0], "alpha": [0.0]},
    "noise": {"name": "gaussian", "sigma": 0.1},
}
PLACE = {"model": "toy", "dataset": "shapes", "noise": "gaussian", "sigma": 0.1, "pcoder": "all"} | {
    "beta": 0.7,
    "lambda": 0.0,
    "alpha": 0.0,
}


def columns(rows: int = 6, **changed) -> dict:
    values = {name: [None] * rows for name in shards.SCHEMA.names} | {name: [value] * rows for name, value in PLACE.items()}
    measured = {"image_id": ["a"] * rows, "class_index": [0] * rows, "timestep": np.arange(rows), "iou": np.linspace(0, 1, rows)}
    return values | measured | changed


@pytest.fixture
def path(tmp_path):
    return shards.write(tmp_path / "shards", SETTINGS, columns(), {"config": "study: x"})


def test_what_was_written_is_read(path):
    shard = shards.read(path)
    assert path.name == f"{shards.identity(SETTINGS)}.parquet"
    assert shard.table.schema.equals(shards.SCHEMA)
    assert shard.table["iou"].to_pylist() == pytest.approx(np.linspace(0, 1, 6).tolist())
    assert shard.metadata["config"] == "study: x"
    assert shard.settings["pcoder"]["beta"] == [0.7]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_identity_ignores_the_noise_of_floating_point_and_nothing_else():
    same = {**SETTINGS, "noise": {"sigma": 0.1 + 1e-13, "name": "gaussian"}, "pcoder": {**SETTINGS["pcoder"], "beta": (0.7,)}}
    assert shards.identity(SETTINGS) == shards.identity(same)
    assert shards.identity({"x": -0.0}) == shards.identity({"x": 0.0})
    assert shards.identity({"x": 0.1}) != shards.identity({"x": 0.1 + 1e-9})
    with pytest.raises(ValueError, match="not JSON compliant"):
        shards.identity({"x": float("nan")})


def test_a_cut_file_is_never_read(path):
    whole = path.read_bytes()
    for length in range(0, len(whole), 100):
        path.write_bytes(whole[:length])
        with pytest.raises(shards.DamagedShard, match=path.name):
            shards.read(path)


def test_a_flipped_bit_is_noticed_or_harmless(path):
    whole, good = path.read_bytes(), shards.read(path)
    noticed = 0
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << place % 8)]) + whole[place + 1 :])
        try:
            shard = shards.read(path)
        except shards.DamagedShard:
            noticed += 1
        else:
            assert shard.table.equals(good.table)
            assert shard.metadata == good.metadata
    assert noticed > len(whole) / 7 / 3


def test_a_shard_under_another_name_is_refused(path):
    other = path.with_name(f"{'0' * 64}.parquet")
    path.rename(other)
    with pytest.raises(shards.DamagedShard, match="holds the settings of identity"):
        shards.read(other)


def test_another_parquet_file_is_refused(path):
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(shards.DamagedShard, match="columns of schema version unknown"):
        shards.read(path)


def test_a_damaged_shard_is_set_aside_and_said(path):
    assert is_done(path.parent, path.stem)
    path.write_bytes(b"PAR1")
    with pytest.raises(shards.DamagedShard):
        is_done(path.parent, path.stem)
    assert not is_done(path.parent, path.stem)
    assert [kept.read_bytes() for kept in (path.parent.parent / "damaged").iterdir()] == [b"PAR1"]


def test_reading_names_what_is_damaged(path):
    broken = path.with_name("f" * 64 + ".parquet")
    broken.write_bytes(b"no parquet")
    assert shards.read(path).path == path
    with pytest.raises(shards.DamagedShard, match=broken.name):
        shards.read(broken)


@pytest.mark.parametrize("failing", ["write_table", "read_table"])
def test_a_failing_write_leaves_nothing(tmp_path, monkeypatch, failing):
    def full(*arguments, **_):
        if failing == "write_table":
            with open(arguments[1], "wb") as file:
                file.write(b"PAR1 and a part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, failing, full)
    with pytest.raises((OSError, shards.DamagedShard), match="No space left|not a whole"):
        shards.write(tmp_path, SETTINGS, columns(), {})
    assert list(tmp_path.iterdir()) == []


def test_the_file_system_running_full_leaves_nothing(tmp_path):
    """A real limit on the file's size, in a child process."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000));"
        "sys.path.insert(0, sys.argv[2]); from test_shards import *; from pathlib import Path;"
        "shards.write(Path(sys.argv[1]), SETTINGS, columns(2000), {})"
    )
    child = subprocess.run([sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)], capture_output=True, text=True)
    assert child.returncode == 1
    assert "Error" in child.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_a_whole_shard_or_none(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from test_shards import *; from pathlib import Path\n"
        "shards.write(Path(sys.argv[1]), {**SETTINGS, 'n': 0}, columns(3000), {})\n"
        "print('on', flush=True)\n"
        "for n in range(100000): shards.write(Path(sys.argv[1]), {**SETTINGS, 'n': n % 7}, columns(3000), {})"
    )
    for attempt in range(6):
        child = subprocess.Popen([sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.03 + 0.017 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    found = [shards.read(each) for each in tmp_path.glob("*.parquet")]
    assert found
    assert all(shard.table.num_rows == 3000 for shard in found)


def test_two_writers_of_one_point_leave_one_shard(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from test_shards import *; from pathlib import Path\n"
        "for n in range(20): shards.write(Path(sys.argv[1]), SETTINGS, columns(), {})"
    )
    command = [sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)]
    writers = [subprocess.Popen(command) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == [f"{shards.identity(SETTINGS)}.parquet"]
    assert is_done(tmp_path, shards.identity(SETTINGS))


# A column of lists that not every shard has.
FURTHER = next(column for row in TABLE.values() for column in row.lists if column not in shards.SCHEMA.names)


def crafted(folder, changed=None, settings=None, metadata=None):
    """A shard whose own metadata agree with each other, however little with its rows."""
    rows = {"selection": {"count": 1}, "timesteps": 5, "thresholds": [0.5]}
    return shards.write(folder / "shards", {**SETTINGS, **rows, **(settings or {})}, columns(**(changed or {})), metadata or {})


def picture(width, height):
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"changed": {"image_id": [None] * 6}}, "6 rows without image_id"),
        ({"changed": {"timestep": [0, 1, 2, 3, 4, None]}}, "1 rows without timestep"),
        ({"changed": {"timestep": [0, 1, 2, 3, 4, 4]}}, "5 timesteps from 0 to 4, but its settings say 0 to 5"),
        ({"changed": {"beta": [0.5] * 6}}, "beta is 0.5, but its settings say 0.7"),
        ({"changed": {"model": ["toy"] * 5 + ["other"]}}, "model is 'toy', 'other', but its settings say 'toy'"),
        ({"changed": {"iou_at": [[0.1, 0.2]] * 6}}, r"expected iou_at to have one value per threshold \[0.5\]"),
        ({"changed": {"iou_at": [[0.1]] * 5 + [[]]}}, "expected iou_at to have one value per threshold"),
        ({"changed": {FURTHER: [[0.1, 0.2]] * 6}}, rf"expected {FURTHER} to have one value per threshold \[0.5\]"),
        ({"changed": {"image": [picture(60000, 60000), *[None] * 5]}}, "a picture in image of 60,000 × 60,000 pixels"),
        ({"changed": {"mask": [b"GIF89a" * 9, *[None] * 5]}}, "a picture in mask that is no PNG"),
        ({"settings": {"selection": {"count": 10**7}}}, "6 rows, but its settings say 60,000,000"),
        ({"settings": {"noise": 5}}, "its settings are not those of a grid point"),
        ({"settings": {"pcoder": {"beta": [], "active": [7], "lambda": 0, "alpha": 0}}}, "not those of a grid point"),
        ({"metadata": {"config": "x" * 2**25}}, "characters of metadata"),
    ],
)
def test_rows_that_contradict_their_settings_are_damage(tmp_path, how, said, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(verification, "problem_of_texts", lambda texts: "")
        path = crafted(tmp_path, **how)
    with pytest.raises(shards.DamagedShard, match=said):
        is_done(path.parent, path.stem)
    assert list(path.parent.iterdir()) == []


def test_no_rows_are_damage(tmp_path):
    path = shards.write(tmp_path / "shards", SETTINGS, {"timestep": []}, {})
    with pytest.raises(shards.DamagedShard, match="0 rows, but its settings say at least one"):
        shards.read(path)


def test_deep_settings_are_damage(path):
    table = pq.read_table(path)
    texts = {**table.schema.metadata, b"pcsweep.settings": b"[" * 100_000 + b"]" * 100_000}
    pq.write_table(table.replace_schema_metadata(texts), path)
    with pytest.raises(shards.DamagedShard, match="no readable settings"):
        shards.read(path)
    assert shards.settings(shards.metadata(path)) is None


def test_a_good_shard_that_has_just_been_written_is_not_set_aside(path):
    good = path.read_bytes()
    assert set_aside(path) is None  # another command found it damaged before it was written anew
    assert path.read_bytes() == good
    assert list((path.parent.parent / "damaged").iterdir()) == []
    path.unlink()
    assert set_aside(path) is None  # another command has moved it first
    assert not is_done(path.parent, path.stem)


def test_what_cannot_be_moved_stays(path, monkeypatch):
    path.write_bytes(b"PAR1")

    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(shards.DamagedShard):
        is_done(path.parent, path.stem)
    assert path.exists()


def test_other_programs_find_shards_alone_in_the_folder(path):
    earlier = path.parent / "damaged"
    earlier.mkdir()
    (earlier / f"{path.name}.1a2b").write_bytes(path.read_bytes())
    gather_damaged(path.parent)
    assert [kept.name for kept in (path.parent.parent / "damaged").iterdir()] == [f"{path.name}.1a2b"]
    assert list(path.parent.iterdir()) == [path]
    with replacing(path, path.parent.parent) as temporary:
        temporary.write_bytes(path.read_bytes())
        assert list(path.parent.iterdir()) == [path]
        assert temporary.suffix == ".tmp"
    assert list(path.parent.iterdir()) == [path]
