"""An edit of somebody's own module, or of one beside it that it leads to, is another hash; nothing else is."""

import importlib
import itertools

import pytest

from pcsweep.config.sources import file_sha256, source_sha256

NUMBERS = itertools.count()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def name():
    """Of a module that no test has imported."""
    return f"sourced_{next(NUMBERS)}"


def hashed(module):
    importlib.invalidate_caches()
    importlib.import_module(module)
    source_sha256.cache_clear()
    return source_sha256(module)


def test_an_edit_is_another_hash_and_line_ends_are_none(place):
    module = name()
    path = place / f"{module}.py"
    path.write_bytes(b"A = 1\nB = 2\n")
    before = hashed(module)
    path.write_bytes(b"A = 1\r\nB = 2\r\n")
    assert hashed(module) == before
    path.write_bytes(b"A = 1\nB = 3\n")
    assert hashed(module) != before


def test_it_is_of_what_was_imported(place):
    module = name()
    (place / f"{module}.py").write_text("A = 1\n")
    before = hashed(module)
    (place / f"{module}.py").write_text("A = 2\n")
    assert source_sha256(module) == before


@pytest.mark.parametrize(
    "line", ["import {}", "from {} import A", "import {} as short, math", "def late():\n    import {}\n", "import {}.inner"]
)
def test_a_module_beside_it_counts(place, line):
    module, helper, stranger = name(), name(), name()
    (place / f"{stranger}.py").write_text("A = 1\n")
    if "inner" in line:
        (place / helper).mkdir()
        (place / helper / "__init__.py").write_text("")
        path = place / helper / "inner.py"
    else:
        path = place / f"{helper}.py"
    path.write_text("A = 1\n")
    (place / f"{module}.py").write_text(line.format(helper) + "\nimport json, torch, pcsweep\n")
    before = hashed(module)
    (place / f"{stranger}.py").write_text("A = 2\n")
    assert hashed(module) == before
    path.write_text("A = 2\n")
    assert hashed(module) != before


@pytest.mark.parametrize("edited", ["__init__.py", "near.py", "below/far.py", "mine.py"])
def test_the_parts_of_a_package_count_that_are_imported(place, edited):
    package = name()
    (place / package / "below").mkdir(parents=True)
    for part in ("__init__.py", "below/__init__.py", "below/far.py", "unused.py"):
        (place / package / part).write_text("A = 1\n")
    (place / package / "near.py").write_text("from .below import far\n")
    (place / package / "mine.py").write_text("from . import near\n")
    before = hashed(f"{package}.mine")
    (place / package / "unused.py").write_text("A = 2\n")
    assert hashed(f"{package}.mine") == before
    with (place / package / edited).open("a") as file:
        file.write("B = 1\n")
    assert hashed(f"{package}.mine") != before


def test_modules_that_import_each_other_and_one_that_is_no_python_are_no_trouble(place):
    module, helper = name(), name()
    (place / f"{module}.py").write_text(f"def late():\n    import {helper}, broken_one\n")
    (place / f"{helper}.py").write_text(f"import {module}\n")
    (place / "broken_one.py").write_text("def (:\n")
    assert len(hashed(module)) == 64


def test_a_file_that_is_gone_has_no_hash(tmp_path):
    assert file_sha256(tmp_path / "gone.py") == ""
