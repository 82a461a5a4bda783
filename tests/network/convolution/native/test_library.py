"""Machine code on disk and on threads."""

import ctypes
import os

import pytest
import torch
from llvmlite import ir

from pcsweep.network.convolution.native import library
from pcsweep.network.convolution.native.emit import FLOAT, I64, POINTER, Emitter, function


def adds_one(module):
    """`name(words, number)` adds one to a float."""
    made, builder = function(module, "add one", [POINTER, I64])
    words, number = made.args
    emit = Emitter(builder, library.lanes())
    place = emit.at(emit.pointer(words, 0), number)
    builder.store(builder.fadd(builder.load(place, typ=FLOAT), ir.Constant(FLOAT, 1.0)), place)
    builder.ret_void()


def never(module):
    raise AssertionError("Expected the code to be on disk.")


def works(found):
    values = torch.zeros(100)
    found.call("add one", 100, [values.data_ptr()])
    return torch.equal(values, torch.ones(100))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def kept(cache):
    (found,) = cache.rglob("*.o")
    return found


def test_code_is_made_once(cache):
    assert works(library.Library("key", adds_one))
    assert works(library.Library("key", never))
    assert not list(cache.rglob(".*"))
    with pytest.raises(AssertionError, match="on disk"):
        library.Library("another key", never)


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "of a group"])
def test_what_is_not_whole_or_not_the_users_own_is_made_again(cache, damage):
    library.Library("key", adds_one)
    path = kept(cache)
    content = path.read_bytes()
    if damage == "of a group":
        path.chmod(0o660)
    else:
        path.write_bytes({"truncated": content[:-9], "changed": content[:-1] + b"?", "empty": b""}[damage])
    with pytest.raises(AssertionError, match="on disk"):
        library.Library("key", never)
    assert works(library.Library("key", adds_one))
    assert kept(cache).read_bytes() == content
    assert works(library.Library("key", never))


def test_without_a_folder_that_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert works(library.Library("key", adds_one))


@pytest.mark.parametrize("openmp", [True, False])
def test_every_number_is_taken_once_on_several_threads(cache, monkeypatch, openmp):
    if not openmp:
        monkeypatch.setattr(library, "_openmp", lambda: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    found = library.Library("key", adds_one)
    for _ in range(50):
        assert works(found)


def test_torchs_threads_are_found():
    assert library._openmp() is not None or not os.path.exists("/proc/self/maps")


def test_more_threads_than_numbers(cache, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    found, values = library.Library("key", adds_one), torch.zeros(2)
    found.call("add one", 1, [values.data_ptr()])
    found.call("add one", 0, [values.data_ptr()])
    assert values.tolist() == [1, 0]


def test_pointers_are_as_wide_as_words():
    assert ctypes.sizeof(ctypes.c_void_p) == 8
