"""All studies in a folder: counts, sizes, what varied, notes, and what is no study or damaged."""

import json
import os
import re
from pathlib import Path

import pytest
from toy_study import damage, plan, put, settings

from pcsweep.studies import HELP, main, size_text
from pcsweep.study import failures, shards, submissions
from pcsweep.study.claims import Claims
from pcsweep.study.overview import overview


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the studies `grid`, `alone` (without a plan) and `new` (without a shard), and what is none."""
    points = [settings(beta, lambda_, sigma) for sigma in (0.2, 0.4) for beta in (0.2, 0.5, 0.8) for lambda_ in (0.0, 0.5)]
    plan(tmp_path / "grid", points)
    noted = tmp_path / "grid" / "planned" / "1.json"
    noted.write_text(json.dumps({**json.loads(noted.read_text()), "note": "second try", "tags": ["alpha", "quick"]}))
    for point in points[:3]:
        put(tmp_path / "grid", point)
    failures.note(tmp_path / "grid", shards.identity(points[4]), "β=0.8", ValueError("no"), None)
    put(tmp_path / "alone", settings(0.5, 0.1))
    put(tmp_path / "alone", settings(0.5, 0.2))
    plan(tmp_path / "new", [settings(0.5, 0.1)])
    for name in ("compare", "notes of mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    os.utime(tmp_path / "grid" / "planned" / "1.json", (2e9, 2e9))
    return tmp_path


def told(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main([f"output_root={root}", *words]) == 0
    return capsys.readouterr().out


def line(text: str, name: str) -> str:
    (found,) = (each for each in text.splitlines() if each.startswith(f"{name} "))
    return re.sub(r" +", " ", found)


def test_a_line_for_each_study(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(root, capsys)
    assert "3 studies in" in text
    grid = line(text, "grid")
    assert grid.startswith("grid 3/10 1 6 ")  # of 12 points two are skipped, β + λ > 1
    assert "σ ×2, β ×3, λ ×2" in grid
    assert "toy on shapes" in grid
    assert "second try [alpha, quick]" in grid
    assert "2033-05-18" in grid
    assert line(text, "alone").startswith("alone 2/2 ")
    assert "λ ×2" in line(text, "alone")
    assert line(text, "new").startswith("new 0/1 1 ")
    assert "No studies: compare, notes of mine" in text
    assert "file" not in text


def test_order_and_tags(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def order(*words: str) -> list[str]:
        text = told(root, capsys, *words)
        return [each.split()[0] for each in text.splitlines() if each.split()[0] in ("grid", "alone", "new")]

    assert order("sort=name") == ["alone", "grid", "new"]
    assert order("sort=size")[0] == "grid"
    assert order()[0] == "grid"  # the last that changed
    assert order("tag=alpha") == ["grid"]


def test_points_that_somebody_computes(root: Path) -> None:
    folder = root / "grid"
    asked = [shards.identity(settings(beta, lambda_, 0.4)) for beta in (0.2, 0.5) for lambda_ in (0.0, 0.5)]
    with Claims(folder, asked[:2]) as claims:
        claims.take(asked[0])
        assert submissions.new(folder, [asked[1:3]], [1], "pcsweep -m", [])
        found = overview(folder)
    assert (found.here, found.sent, found.to_do) == (2, 1, 3)


def test_damaged_studies_are_named(root: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    damage(next((root / "alone" / "shards").iterdir()))
    (root / "new" / "planned" / "1.json").write_text("{")
    text = told(root, capsys)
    assert line(text, "alone").startswith("alone 2/2 ")
    assert line(text, "new").startswith("new 0/0 ")
    assert "is passed over" in caplog.text
    (root / "grid" / "submissions").write_text("no folder")
    text = told(root, capsys)
    assert f"Cannot be read: grid (Not a directory: {root}/grid/submissions" in text.replace("\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sort=age"], "Expected `sort` to be one of changed, size, name, but got 'age'"),
        (["tag=beta"], "Expected `tag` to be one of alpha, quick, but got 'beta'"),
        (["queue=perhaps"], "Expected `queue` to be true or false"),
        (["study=grid"], "but got 'study'"),
    ],
)
def test_a_wrong_word(words: list[str], said: str, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"output_root={root}", *words]) == 2
    assert said in capsys.readouterr().err


def test_no_such_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"output_root={tmp_path}/none"]) == 2
    assert "Expected `output_root` to be a folder with studies" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert capsys.readouterr().out.strip() == HELP.strip()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (200 * 2**20, "200 MiB"), (2**41, "2.0 TiB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
