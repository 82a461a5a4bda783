"""Transformed kernels in files: made once, verified at every opening, and gone without where that cannot be."""

import errno
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_layer import material

from pcsweep.config.errors import BadSetting
from pcsweep.network.convolution.geometry import Axis
from pcsweep.network.convolution.native import checksum, kept, library
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.plan import Plan

WIDE = 2 * library.lanes()
FLOATS = checksum.BLOCK + 3 * library.lanes()  # a block, and a short one
NAME, OTHER = "ab" * 32, "cd" * 32
DATA = torch.randn(FLOATS, generator=torch.Generator().manual_seed(0))


ASKED_BEFORE = kept._asked_before


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files are kept, however small, and as if all had been asked for before."""
    monkeypatch.setenv(kept.FOLDER, str(tmp_path / "kernels"))
    monkeypatch.setattr(kept, "LEAST", 0)
    monkeypatch.setattr(kept, "_spent", [])
    monkeypatch.setattr(kept, "_asked_before", lambda path: True)
    kept._say.cache_clear()
    return tmp_path / "kernels"


def never():
    raise AssertionError("Expected a file.")


def made():
    return DATA.clone()


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_made_once(folder):
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert files(folder) == [f"{NAME}.kernel"]
    assert (folder / f"{NAME}.kernel").stat().st_mode & 0o777 == 0o600
    assert torch.equal(kept.kept(NAME, FLOATS, never), DATA)
    with pytest.raises(AssertionError, match="a file"):
        kept.kept(OTHER, FLOATS, never)


def test_what_is_asked_for_the_first_time_is_not_written(folder, monkeypatch):
    monkeypatch.setattr(kept, "_asked_before", ASKED_BEFORE)
    for name in (NAME, OTHER):
        assert torch.equal(kept.kept(name, FLOATS, made), DATA)
    assert files(folder) == [f"{NAME}.asked", f"{OTHER}.asked"]
    assert (folder / f"{NAME}.asked").stat().st_size == 0
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert torch.equal(kept.kept(NAME, FLOATS, never), DATA)
    assert files(folder) == [f"{NAME}.asked", f"{NAME}.kernel", f"{OTHER}.asked"]


def test_it_is_forgotten_what_was_asked_for_long_ago(folder, monkeypatch):
    folder.mkdir()
    for name, days in (("a", 29), ("b", 31)):
        (folder / f"{name}.asked").touch()
        old(folder / f"{name}.asked", days)
    kept.kept(NAME, FLOATS, made)
    assert files(folder) == ["a.asked", f"{NAME}.kernel"]


def test_where_it_cannot_be_noted_what_is_asked_for_it_counts_as_asked_for(tmp_path):
    assert ASKED_BEFORE(tmp_path / "none" / f"{NAME}.kernel")


def test_small_ones_are_not_kept(folder, monkeypatch):
    monkeypatch.setattr(kept, "LEAST", 4 * FLOATS + 1)
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert not folder.exists()


def test_off(folder, monkeypatch):
    monkeypatch.setenv(kept.FOLDER, "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert not folder.exists()


@pytest.mark.parametrize("place", [0, 4 * checksum.BLOCK - 1, 4 * checksum.BLOCK, 4 * FLOATS - 1, 4 * FLOATS, 4 * FLOATS + 40])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_bit_that_is_another_is_found(folder, place, bit):
    kept.kept(NAME, FLOATS, made)
    path = folder / f"{NAME}.kernel"
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert torch.equal(kept.kept(NAME, FLOATS, never), DATA)


def test_words_in_another_order_are_found(folder):
    kept.kept(NAME, FLOATS, made)
    path = folder / f"{NAME}.kernel"
    content = path.read_bytes()
    step = 4 * library.lanes()
    path.write_bytes(content[step : 2 * step] + content[:step] + content[2 * step :])
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "damage", ["truncated", "empty", "longer", "of a group", "a link", "another's content", "zeros", "a folder"]
)
def test_what_is_not_right_is_made_again(folder, damage):
    kept.kept(NAME, FLOATS, made)
    kept.kept(OTHER, FLOATS, lambda: DATA + 1)
    path, other = folder / f"{NAME}.kernel", folder / f"{OTHER}.kernel"
    content = path.read_bytes()
    if damage == "of a group":
        path.chmod(0o660)
    elif damage == "a link":
        path.rename(folder / "elsewhere")
        path.symlink_to("elsewhere")
    elif damage == "another's content":
        path.write_bytes(other.read_bytes())
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        changed = {"truncated": content[:-1], "empty": b"", "longer": content + b"\0", "zeros": bytes(len(content))}
        path.write_bytes(changed[damage])
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    if damage != "a folder":
        assert path.read_bytes() == content
        assert torch.equal(kept.kept(NAME, FLOATS, never), DATA)


def test_of_another_user(folder, monkeypatch):
    kept.kept(NAME, FLOATS, made)
    monkeypatch.setattr(os, "getuid", lambda: 123456)
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    with pytest.raises(AssertionError, match="a file"):
        kept.kept(NAME, FLOATS, never)


def test_a_full_disk(folder, monkeypatch, caplog):
    written = os.write

    def full(descriptor, content):
        if len(content) > 4096:
            written(descriptor, content[:4096])
            raise OSError(errno.ENOSPC, "No space left on device")
        return written(descriptor, content)

    monkeypatch.setattr(os, "write", full)
    for name in (NAME, OTHER):
        assert torch.equal(kept.kept(name, FLOATS, made), DATA)
    assert files(folder) == []
    (said,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "No space left on device" in said.getMessage()


def test_a_folder_that_cannot_be_made(folder, monkeypatch, caplog):
    folder.write_text("a file")
    for name in (NAME, OTHER):
        assert torch.equal(kept.kept(name, FLOATS, made), DATA)
    (said,) = caplog.messages
    assert re.fullmatch(rf"Transformed kernels are not kept .* PCSWEEP_KERNELS={folder} cannot be used: File exists\.", said)


def test_a_folder_that_others_may_write(folder, caplog):
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    for name in (NAME, OTHER):
        assert torch.equal(kept.kept(name, FLOATS, made), DATA)
    assert files(folder) == []
    (said,) = caplog.messages
    assert f"PCSWEEP_KERNELS={folder} cannot be used: it is another user's, or others may write it." in said


def test_a_folder_that_cannot_be_written(folder, monkeypatch, caplog):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert [message.rpartition(": ")[2] for message in caplog.messages] == ["it cannot be written."]


def test_the_usual_folder_is_on_a_disk_of_this_machine(folder, monkeypatch, tmp_path, caplog):
    monkeypatch.delenv(kept.FOLDER)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(kept.tempfile, "gettempdir", lambda: str(tmp_path / "local"))
    monkeypatch.setattr(kept, "is_local_disk", lambda path: True)
    assert kept._folder() == tmp_path / "home/pcsweep/kernels"
    monkeypatch.setattr(kept, "is_local_disk", lambda path: path.is_relative_to(tmp_path / "local"))
    assert kept._folder() == tmp_path / f"local/pcsweep-{os.getuid()}/kernels"
    monkeypatch.setattr(kept, "is_local_disk", lambda path: False)
    caplog.clear()
    assert kept._folder() is None
    assert not caplog.records  # nobody has asked for one


def test_a_disk_that_is_slow(folder, monkeypatch, caplog):
    monkeypatch.setattr(kept, "_MOST_SECONDS", 1e-9)
    for name in (NAME, OTHER):
        assert torch.equal(kept.kept(name, FLOATS, made), DATA)
    assert files(folder) == []
    assert len(caplog.records) == 1


def old(path, days):
    then = time.time() - 86400 * days
    os.utime(path, (then, then))


def test_the_files_that_were_not_used_for_longest_make_room(folder, monkeypatch):
    size = 4 * FLOATS + 64
    monkeypatch.setenv(kept.LIMIT, str(3.5 * size / 2**30))
    names = [f"{number:02x}" * 32 for number in range(3)]
    for number, name in enumerate(names):
        kept.kept(name, FLOATS, made)
        old(folder / f"{name}.kernel", 10 - number)
    held = kept.kept(names[0], FLOATS, never)  # used now, so not the oldest any more
    kept.kept(NAME, FLOATS, made)
    assert files(folder) == [f"{name}.kernel" for name in (names[0], names[2], NAME)]
    kept.kept(OTHER, FLOATS, made)
    assert files(folder) == [f"{name}.kernel" for name in (names[0], NAME, OTHER)]
    kept.kept(names[1], FLOATS, made)  # all are in use: no start shall write what the next one removes
    assert files(folder) == [f"{name}.kernel" for name in (names[0], NAME, OTHER)]
    old(folder / f"{names[0]}.kernel", 2)
    kept.kept(names[1], FLOATS, made)
    assert f"{names[0]}.kernel" not in files(folder)
    assert torch.equal(held, DATA)  # who has mapped a file keeps it


def test_never_more_than_a_share_of_what_is_free(folder, monkeypatch):
    usage = type("Usage", (), {"free": 4 * (4 * FLOATS + 63)})
    monkeypatch.setattr(kept.shutil, "disk_usage", lambda path: usage)
    kept.kept(NAME, FLOATS, made)
    assert files(folder) == []


@pytest.mark.parametrize("limit", ["much", "inf", ""])
def test_a_limit_that_is_none(folder, monkeypatch, limit):
    monkeypatch.setenv(kept.LIMIT, limit)
    with pytest.raises(BadSetting, match="Expected PCSWEEP_KERNELS_GIB to be a number of GiB, but got"):
        kept.kept(NAME, FLOATS, made)
    monkeypatch.delenv(kept.LIMIT)
    kept.kept(NAME, FLOATS, made)
    monkeypatch.setenv(kept.LIMIT, limit)
    with pytest.raises(BadSetting, match="Expected PCSWEEP_KERNELS_GIB"):  # even where nothing is to be written
        kept.kept(NAME, FLOATS, never)


def test_what_a_killed_process_has_left_is_removed(folder):
    folder.mkdir()
    left = folder / f".{NAME}.kernel.ffffffff-1-1.00000000.tmp"
    left.write_text("part")
    old(left, 2)
    kept.kept(NAME, FLOATS, made)
    assert files(folder) == [f"{NAME}.kernel"]


COMMAND = """
import sys, time, torch
from pathlib import Path
from pcsweep.network.convolution.native import kept
kept.LEAST = 0
kept._asked_before = lambda path: True
def made():
    with open({log!r}, "a") as file:
        file.write("made\\n")
    time.sleep(0.5)
    return torch.arange({floats}, dtype=torch.float32)
Path({log!r} + sys.argv[1]).touch()
while not (Path({log!r} + "0").exists() and Path({log!r} + "1").exists()):
    time.sleep(0.01)
assert torch.equal(kept.kept({name!r}, {floats}, made), torch.arange({floats}, dtype=torch.float32))
"""


def test_of_two_processes_one_makes_it_and_both_have_it(folder, tmp_path):
    log = tmp_path / "log"
    code = COMMAND.format(log=str(log), floats=FLOATS, name=NAME)
    both = [subprocess.Popen([sys.executable, "-c", code, str(number)], cwd=Path.cwd()) for number in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert log.read_text() == "made\n"
    assert files(folder) == [f"{NAME}.kernel"]


def test_another_process_that_takes_too_long_is_not_waited_for(folder, monkeypatch):
    monkeypatch.setattr(kept, "_PATIENCE", 0.0)
    folder.mkdir()
    with kept._turn(folder) as ours:
        assert ours
        assert torch.equal(kept.kept(NAME, FLOATS, made), DATA)
    assert files(folder) == []


def layer(kernel, geometry, **arguments):
    return NativeSpectral(kernel, Plan(geometry, (WIDE, WIDE), arguments.pop("tile", 7)), **arguments)


def test_a_layers_results_are_equal_to_the_bit_with_and_without_a_file(folder, monkeypatch):
    geometry, kernel, maps, errors, _ = material(Axis(14, 10, 2, 4), Axis(14, 10, 2, 4), (WIDE, WIDE), 3)
    found = []
    for place in ("off", str(folder), str(folder)):
        monkeypatch.setenv(kept.FOLDER, place)
        made = layer(kernel, geometry)
        found.append((made.forward(maps).clone(), made.adjoint(errors).clone()))
    assert len(files(folder)) == 1
    for forward, adjoint in found[1:]:
        assert torch.equal(forward, found[0][0])
        assert torch.equal(adjoint, found[0][1])


def test_all_that_a_transformed_kernel_follows_from_makes_a_file_of_its_own(folder):
    geometry, kernel, maps, errors, _ = material(Axis(14, 10, 2, 4), Axis(14, 10, 2, 4), (WIDE, WIDE), 3)
    other = kernel.clone()
    other[0, 0, 0, 0] += 1e-3
    ways = [layer(kernel, geometry), layer(other, geometry), layer(kernel, geometry, tile=14)]
    for number, each in enumerate(ways, 1):
        each.forward(maps)
        assert len(files(folder)) == number
    layer(kernel, geometry, directions=(True,)).adjoint(errors)
    assert len(files(folder)) == len(ways) + 1
    layer(kernel.clone(), geometry).forward(maps)
    assert len(files(folder)) == len(ways) + 1


def test_a_kernel_that_is_not_needed_is_not_transformed(folder):
    geometry, kernel, *_ = material(Axis(14, 10, 2, 4), Axis(14, 10, 2, 4), (WIDE, WIDE), 3)
    layer(kernel, geometry)
    assert not folder.exists()
