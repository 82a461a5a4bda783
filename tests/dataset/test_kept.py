"""What is kept of files is what would be found anew, and nothing is kept that might be otherwise."""

import json
import os
import stat
from pathlib import Path

import image_trees
import pytest
from PIL import Image

from pcsweep.config.schema import choose
from pcsweep.dataset.folder import Folder
from pcsweep.dataset.read import image_files, kept
from pcsweep.dataset.read.kept import NAME, Kept
from pcsweep.grid.loaded import Loaded

FRAME = {"resize": 8, "crop": 8, "interpolation": "bilinear"}


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are taken to be at rest at once."""
    monkeypatch.setattr(kept, "_SETTLED", -10.0)
    monkeypatch.setattr(kept, "_SETTLED_BY_ANOTHER_CLOCK", -10.0)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read for their hashes, from now on."""
    names: list[str] = []
    usual = image_files.content

    def counted(path, *formats):
        names.append(path.name)
        return usual(path, *formats)

    monkeypatch.setattr(image_files, "content", counted)
    return names


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return image_trees.folder(tmp_path / "images", images=6)


def choice(root: Path, **more):
    return choose("dataset", {"_target_": "pcsweep.dataset.folder.Folder", "root": str(root), **FRAME, **more})


def described(root: Path, limit: int | None = None) -> str:
    """By a process of its own, as it were."""
    return Loaded().described(choice(root), limit, 0)["images_sha256"]


def masks_with_a_palette(root: Path) -> None:
    for path in (root / "masks").iterdir():
        mask = Image.open(path).convert("P")
        mask.putpalette([0, 0, 0, 90, 90, 90] * 128)
        mask.save(path)


@pytest.mark.parametrize("palette", [False, True])
def test_the_second_time_nothing_is_read(tree, settled, read, palette, monkeypatch):
    if palette:
        masks_with_a_palette(tree)
    before = described(tree)
    assert len(read) == 12
    read.clear()
    monkeypatch.setattr(image_files, "read_mask", None)
    assert described(tree) == before
    assert read == []
    assert described(tree, limit=3) != before
    assert read == []


@pytest.mark.usefixtures("settled")
def test_another_model_s_frame_reads_nothing(tree, read):
    described(tree)
    read.clear()
    Loaded().described(choice(tree, resize=6, crop=6), None, 0)
    assert read == []


@pytest.mark.parametrize("part", ["images", "masks"])
def test_a_changed_file_alone_is_read_again(tree, settled, read, part):
    before = described(tree)
    read.clear()
    chosen = sorted((tree / part).iterdir())[2]
    times = chosen.stat().st_mtime_ns
    if part == "images":
        image_trees.save_photograph(chosen, seed=99)
    else:
        Image.fromarray(image_trees.numbers(9, 255).astype("uint8")).save(chosen)
    assert described(tree) != before
    assert read == [chosen.name]
    read.clear()
    os.utime(chosen, ns=(times, times))  # which alone would hide a change of one size
    described(tree)
    assert read == [chosen.name]


@pytest.mark.usefixtures("settled")
def test_a_file_of_the_same_size_and_time_in_its_place_is_read(tree, read):
    before = described(tree)
    read.clear()
    chosen, other = sorted((tree / "masks").iterdir())[:2]
    times = chosen.stat().st_mtime_ns
    data = bytearray(chosen.read_bytes())
    data[-5] ^= 1  # of the checksum of its end
    temporary = other.with_suffix(".tmp")
    temporary.write_bytes(data)
    os.utime(temporary, ns=(times, times))
    os.replace(temporary, chosen)
    assert chosen.stat().st_mtime_ns == times
    with pytest.raises(ValueError, match=chosen.name):
        described(tree)
    assert read == [chosen.name]
    assert before


def test_what_has_just_changed_is_not_kept(tree, read):
    described(tree)
    assert not (tree / NAME).exists()
    read.clear()
    described(tree)
    assert len(read) == 12


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_read_is_not_kept(tree):
    there = Kept(tree)
    path = tree / "labels.csv"

    def find():
        path.write_text(path.read_text() + "\n")
        return "found"

    assert there.answer(path, "what", find) == "found"
    assert there.answer(path, "what", lambda: "again") == "again"


@pytest.mark.usefixtures("settled")
def test_what_raises_is_not_kept(tree, read):
    (tree / "images" / sorted(os.listdir(tree / "images"))[0]).write_bytes(b"no picture")
    for count in (11, 1):  # the mask of an image that is none is not looked at
        with pytest.raises(ValueError, match="1 of 6 images cannot be used"):
            described(tree)
        assert len(read) == count
        read.clear()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace(b"sha256 JPEG PNG", b"sha256 PNG JPEG"),
        lambda text: b"\xff\xfe" + text,
        lambda text: b"[" * 100_000,
        lambda text: text.partition(b"\n")[0] + b"\n[]",
    ],
)
def test_a_torn_or_foreign_file_is_rebuilt(tree, read, damage):
    before = described(tree)
    whole = (tree / NAME).read_bytes()
    (tree / NAME).write_bytes(damage(whole))
    read.clear()
    assert described(tree) == before
    assert len(read) == 12
    assert (tree / NAME).read_bytes() == whole
    (tree / NAME).unlink()
    assert described(tree) == before


@pytest.mark.usefixtures("settled")
def test_a_file_that_everybody_may_write_is_not_believed(tree, read):
    described(tree)
    (tree / NAME).chmod(0o666)
    read.clear()
    described(tree)
    assert len(read) == 12
    assert not (tree / NAME).stat().st_mode & stat.S_IWOTH


@pytest.mark.usefixtures("settled")
def test_a_folder_that_cannot_be_written(tree, read, cache, monkeypatch):
    usual = kept.replacing

    def refusing(place):
        if place.parent == tree:
            raise PermissionError(13, "Permission denied", str(place))
        return usual(place)

    monkeypatch.setattr(kept, "replacing", refusing)
    before = described(tree)
    assert not (tree / NAME).exists()
    assert len(list((cache / "pcsweep" / "hashes").glob("*.json"))) == 1
    read.clear()
    assert described(tree) == before
    assert read == []
    other = image_trees.folder(tree.parent / "other")
    (file,) = (cache / "pcsweep" / "hashes").iterdir()
    file.rename(Kept(other)._places[1])  # of another dataset, under this one's name
    described(other)
    assert len(read) == 12


@pytest.mark.usefixtures("settled")
def test_where_nothing_can_be_written_everything_is_found_anew(tree, read, cache):
    cache.write_text("a file")
    (tree / NAME).mkdir()
    before = described(tree)
    assert described(tree) == before
    assert len(read) == 24


@pytest.mark.usefixtures("settled")
def test_processes_that_write_one_after_the_other_lose_nothing(tree):
    one, other = Kept(tree), Kept(tree)
    first, second = sorted((tree / "images").iterdir())[:2]
    one.answer(first, "a", lambda: "1")
    other.answer(first, "b", lambda: "2")
    other.answer(second, "a", lambda: "3")
    one.keep()
    other.keep()
    found = Kept(tree)
    assert found.answer(second, "a", lambda: "new") == "3"
    assert found.answer(first, "b", lambda: "new") == "2"
    kinds = {path.suffix for path in tree.iterdir()}
    assert kinds <= {"", ".csv", ".json"}  # and no temporary file


@pytest.mark.usefixtures("settled")
def test_a_dataset_that_is_moved_takes_its_hashes_along(tree, read):
    described(tree)
    tree.rename(tree.parent / "moved")
    read.clear()
    described(tree.parent / "moved")
    assert read == []


@pytest.mark.usefixtures("settled")
def test_regions_by_other_settings_are_looked_at_anew(tree, monkeypatch):
    masks_with_a_palette(tree)
    looks = []
    usual = image_files.read_mask
    monkeypatch.setattr(image_files, "read_mask", lambda path: looks.append(path) or usual(path))
    for ignored, expected in ((255, 6), (255, 0), (254, 6), (254, 0)):
        looks.clear()
        Loaded().described(choice(tree, ignore_value=ignored), None, 0)
        assert len(looks) == expected


def test_the_digest_is_what_it_was(tree, settled):
    """By hand, twice: found, and kept."""
    import hashlib

    for _ in range(2):
        dataset = Folder(root=tree, **FRAME)
        for index, entry in enumerate(dataset.entries):
            parts = [hashlib.sha256(path.read_bytes()).digest() for path in (entry.image, entry.mask)]
            assert dataset.digest(index) == hashlib.sha256(b"".join(parts)).hexdigest()
        dataset.keep()
    text = (tree / NAME).read_bytes().partition(b"\n")[2]
    assert len(json.loads(text)) == 12
