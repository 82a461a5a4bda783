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

from pcsweep import shards

SETTINGS = {"pcoder": {"beta": [0.7000000000000001]}, "noise": {"name": "gaussian", "sigma": 0.1}}


def columns(rows: int = 6) -> dict:
    values = {name: [None] * rows for name in shards.SCHEMA.names}
    return values | {"image_id": ["a"] * rows, "timestep": np.arange(rows), "iou": np.linspace(0, 1, rows)}


@pytest.fixture
def path(tmp_path):
    return shards.write(tmp_path / "shards", SETTINGS, columns(), {"config": "study: x"})


def test_what_was_written_is_read(path):
    shard = shards.read(path)
    assert path.name == f"{shards.identity(SETTINGS)}.parquet"
    assert shard.table.schema.equals(shards.SCHEMA)
    assert shard.table["iou"].to_pylist() == pytest.approx(np.linspace(0, 1, 6).tolist())
    assert shard.metadata["config"] == "study: x"
    assert shard.settings["pcoder"] == {"beta": [0.7]}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_identity_ignores_the_noise_of_floating_point_and_nothing_else():
    same = {"noise": {"sigma": 0.1 + 1e-13, "name": "gaussian"}, "pcoder": {"beta": (0.7,)}}
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
    assert shards.is_done(path.parent, path.stem)
    path.write_bytes(b"PAR1")
    with pytest.raises(shards.DamagedShard):
        shards.is_done(path.parent, path.stem)
    assert not shards.is_done(path.parent, path.stem)
    assert [kept.read_bytes() for kept in (path.parent / "damaged").iterdir()] == [b"PAR1"]


def test_reading_all_names_the_damaged(path):
    broken = path.with_name("f" * 64 + ".parquet")
    broken.write_bytes(b"no parquet")
    good, damaged = sorted(shards.read_all(path.parent), key=lambda found: isinstance(found, shards.DamagedShard))
    assert isinstance(good, shards.Shard)
    assert good.path == path
    assert isinstance(damaged, shards.DamagedShard)
    assert broken.name in str(damaged)


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
        "shards.write(Path(sys.argv[1]), {'n': 0}, columns(3000), {})\n"
        "print('on', flush=True)\n"
        "for n in range(100000): shards.write(Path(sys.argv[1]), {'n': n % 7}, columns(3000), {})"
    )
    for attempt in range(6):
        child = subprocess.Popen([sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.03 + 0.017 * attempt)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    found = list(shards.read_all(tmp_path))
    assert found
    assert all(isinstance(shard, shards.Shard) and shard.table.num_rows == 3000 for shard in found)


def test_two_writers_of_one_point_leave_one_shard(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from test_shards import *; from pathlib import Path\n"
        "for n in range(20): shards.write(Path(sys.argv[1]), SETTINGS, columns(), {})"
    )
    command = [sys.executable, "-c", code, tmp_path, os.path.dirname(__file__)]
    writers = [subprocess.Popen(command) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert [file.name for file in tmp_path.iterdir()] == [f"{shards.identity(SETTINGS)}.parquet"]
    assert shards.is_done(tmp_path, shards.identity(SETTINGS))
