"""A study as one table: its columns and rows, what is read and when, what is left out; and the examples of docs/analysis.md."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from commands import run
from stored import all_shards
from toy_settings import replaced

import pcsweep
from pcsweep.study import shards
from pcsweep.study.load import ADDED

PAGE = (Path(__file__).parents[2] / "docs" / "analysis.md").read_text(encoding="utf-8")
COLUMNS = [*shards.SCHEMA.names, *(field.name for field in ADDED)]
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
IMAGES, STEPS = 3, 2
GRID = ["noise.sigma=0,0.4", "noise.space=pixel", "noise.seed=0,1", "pcoder.beta=0.6,1", "pcoder.lambda=0,0.2", "pcoder.alpha=0"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small study `demo`, computed there."""
    folder = tmp_path_factory.mktemp("demo")
    done = run("-m", "study=demo", "dataset.limit=12", "timesteps=3", *GRID, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def settings(**changed: Any) -> dict[str, Any]:
    """Of one grid point; `changed` replaces leaves, `noise__seed=1` for those in a group."""
    point: dict[str, Any] = {
        "model": {"name": "toy"},
        "dataset": {"name": "shapes"},
        "noise": {"name": "gaussian", "sigma": 0.2, "seed": 0},
        "pcoder": {"active": [1, 2], "beta": [0.5] * 2, "lambda": [0.1] * 2, "alpha": [0.0] * 2},
        "target": "label",
        "threshold": 0.5,
        "thresholds": [0.25, 0.5],
    }
    return replaced(point, changed)


def put(folder: Path, iou: Any = 0.5, **changed: Any) -> Path:
    """One shard of the study in `folder`."""
    point = settings(**changed)
    rows = IMAGES * STEPS
    constants = {
        **{group: point[group]["name"] for group in ("model", "dataset", "noise")},
        "pcoder": "all",
        "sigma": point["noise"].get("sigma"),
        **{name: point["pcoder"][name][0] for name in ("beta", "lambda", "alpha")},
        "iou": iou,
    }
    measured = {
        "image_id": [f"image {index}" for index in range(IMAGES)] * STEPS,
        "class_index": [0] * rows,
        "timestep": np.repeat(np.arange(STEPS), IMAGES),
        "iou_at": [[0.5, np.nan]] * rows,
    }
    return shards.write(folder / "shards", point, {**{name: [value] * rows for name, value in constants.items()}, **measured}, {})


def spoil(path: Path, column: str = "iou") -> None:
    """Turns a byte of the column's data page."""
    chunk = pq.read_metadata(path).row_group(0).column(shards.SCHEMA.names.index(column))
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(path.read_bytes())
    content[start + chunk.total_compressed_size - 2] ^= 0xFF
    path.write_bytes(content)


def restate(path: Path, **texts: str) -> None:
    """Writes the shard's rows again, with other metadata."""
    table = pq.read_table(path, partitioning=None)
    changed = {f"pcsweep.{key}".encode(): value.encode() for key, value in texts.items()}
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, **changed}), path)


def column(folder: Path, name: str) -> dict[str, Any]:
    """The column's value in each shard, by identity."""
    table = pcsweep.load("s", folder).to_table(columns=["identity", name]).to_pylist()
    values = {(row["identity"], row[name]) for row in table}
    assert len(values) == len({identity for identity, _ in values})
    return dict(values)


def run_example(number: int, folder: Path) -> str:
    """What the script printed."""
    script = folder / f"example_{number}.py"
    script.write_text(EXAMPLES[number], encoding="utf-8")
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    words = [sys.executable, "-W", "error", script]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rows_are_those_of_the_shards(demo: Path) -> None:
    dataset = pcsweep.load("demo", demo / "outputs")
    assert dataset.schema.names == [*COLUMNS, "identity", "noise.seed"]
    assert dataset.schema.field("identity").type == pa.string()
    assert dataset.schema.field("noise.seed").type == pa.int64()
    found = [shard for shard in all_shards(demo / "outputs/demo/shards") if isinstance(shard, shards.Shard)]
    assert len(found) == 2 * 3 * 2
    assert dataset.count_rows() == len(found) * 12 * 4
    for shard in found:
        rows = dataset.to_table(filter=pc.field("identity") == shard.path.stem)
        assert rows.select(shard.table.column_names).replace_schema_metadata(None) == shard.table.replace_schema_metadata(None)
        assert set(rows["noise.seed"].to_pylist()) == {shard.settings["noise"]["seed"]}


def test_axes_found_without_opening_a_shard_are_those_in_it(demo: Path) -> None:
    dataset = pcsweep.load("demo", demo / "outputs")
    table = dataset.to_table(columns=["sigma", "beta", "lambda", "alpha", "noise.seed"])
    for name, value in [("sigma", 0.0), ("sigma", 0.4), ("beta", 0.6), ("lambda", 0.0), ("alpha", 0.0), ("noise.seed", 1)]:
        for wanted in (pc.field(name) == value, pc.field(name).isin([value, 77])):
            rows = dataset.to_table(columns=[name], filter=wanted).num_rows
            assert 0 < rows == sum(each == value for each in table[name].to_pylist())


def test_what_a_filter_or_the_columns_leave_out_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "s", pcoder__beta=[0.3] * 2, noise__seed=1)
    spoil(put(tmp_path / "s", pcoder__beta=[0.7] * 2, noise__seed=2))
    dataset = pcsweep.load("s", tmp_path)
    for wanted in (pc.field("beta") == 0.3, pc.field("noise.seed") == 1):
        assert dataset.to_table(columns=["iou"], filter=wanted).num_rows == IMAGES * STEPS
        assert len(list(dataset.get_fragments(wanted))) == 1
    assert dataset.to_table(columns=["beta"]).num_rows == 2 * IMAGES * STEPS
    with pytest.raises(OSError, match="could not verify page integrity"):
        dataset.to_table(columns=["iou"])


def test_undefined_and_not_asked_for_stay_apart(tmp_path: Path) -> None:
    put(tmp_path / "s", iou=math.nan)
    table = pcsweep.load("s", tmp_path).to_table(columns=["iou", "iou_at", "mass"])
    assert table["iou"].null_count == 0
    assert pc.all(pc.is_nan(table["iou"])).as_py()
    assert table["iou_at"].to_pylist()[0][0] == 0.5
    assert math.isnan(table["iou_at"].to_pylist()[0][1])
    assert table["mass"].null_count == table.num_rows


@pytest.mark.parametrize(
    ("changed", "name", "values"),
    [
        ({"noise__seed": 5}, "noise.seed", (0, 5)),
        ({"noise__clip": True}, "noise.clip", (None, True)),
        ({"model__seed": 2}, "model.seed", (None, 2)),
        ({"threshold": 0.6}, "threshold", (0.5, 0.6)),
        ({"threshold": 1}, "threshold", (0.5, 1.0)),
        ({"threshold": "otsu"}, "threshold", ("0.5", "otsu")),
        ({"thresholds": [0.5]}, "thresholds", ("[0.25, 0.5]", "[0.5]")),
        ({"target": "predicted"}, "attribution.target", ("label", "predicted")),
        ({"dataset__limit": 9}, "dataset.limit", (None, 9)),
    ],
)
def test_a_setting_that_differs_is_a_column(tmp_path: Path, changed: dict[str, Any], name: str, values: tuple[Any, Any]) -> None:
    first, second = put(tmp_path / "s"), put(tmp_path / "s", **changed)
    assert column(tmp_path, name) == {first.stem: values[0], second.stem: values[1]}
    assert set(pcsweep.load("s", tmp_path).schema.names) == {
        *shards.SCHEMA.names,
        *(field.name for field in ADDED),
        "identity",
        "noise.seed",
        name,
    }


def test_what_is_a_column_of_the_shards_is_no_other(tmp_path: Path) -> None:
    put(tmp_path / "s")
    put(tmp_path / "s", model={"name": "other", "weights": "cd"}, dataset__name="voc", noise={"name": "salt", "seed": 0})
    assert pcsweep.load("s", tmp_path).schema.names == [
        *shards.SCHEMA.names,
        *(field.name for field in ADDED),
        "identity",
        "noise.seed",
    ]
    assert set(column(tmp_path, "sigma").values()) == {0.2, None}


def test_what_all_shards_share_is_in_the_metadata(tmp_path: Path) -> None:
    put(tmp_path / "s")
    put(tmp_path / "s", threshold=0.6, noise__clip=True)
    shared = json.loads(pcsweep.load("s", tmp_path).schema.metadata[b"pcsweep.settings"])
    assert shared["thresholds"] == [0.25, 0.5]
    assert shared["noise.seed"] == 0
    assert {"threshold", "noise.clip"}.isdisjoint(shared)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "not a whole Parquet file"),
        (lambda path: restate(path, settings="{}"), "holds the settings of identity"),
        (lambda path: restate(path, settings="{"), "no readable settings"),
        (lambda path: restate(path, host="elsewhere"), "metadata has changed"),
        (lambda path: pq.write_table(pa.table({"iou": [0.5]}), path), "columns of schema version unknown"),
        (lambda path: (path.unlink(), path.symlink_to("nowhere")), "No such file"),
    ],
)
def test_a_damaged_shard_is_named_and_left_out(
    tmp_path: Path, damage: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad = put(tmp_path / "s"), put(tmp_path / "s", noise__seed=1)
    damage(bad)
    assert set(column(tmp_path, "iou")) == {good.stem}
    (told,) = [record.getMessage() for record in caplog.records]
    assert re.search(f"Shard left out: .*{bad.name}.*", told, re.DOTALL)
    assert message in told
    assert bad.is_symlink() or bad.exists()
    good.unlink()
    with pytest.raises(ValueError, match="Expected shards in .*but there are none but 1 that cannot be read"):
        pcsweep.load("s", tmp_path)


def test_metadata_verifies_as_a_whole_reading_does(tmp_path: Path) -> None:
    path = put(tmp_path / "s")
    assert shards.verified_metadata(path) == shards.read(path).metadata
    spoil(path)
    assert shards.verified_metadata(path)["identity"] == path.stem
    path = path.rename(path.with_name("other.parquet"))
    with pytest.raises(shards.DamagedShard, match="holds the settings of identity"):
        shards.verified_metadata(path)


@pytest.mark.parametrize("study", ["nope", "", "../s"])
def test_a_study_that_is_not_there_is_answered_with_those_that_are(tmp_path: Path, study: str) -> None:
    put(tmp_path / "s")
    (tmp_path / "planned" / "planned").mkdir(parents=True)
    with pytest.raises(ValueError, match=rf"there: planned, s\), but got '{study}'"):
        pcsweep.load(study, tmp_path)
    with pytest.raises(ValueError, match=r"Expected shards in .*but there are none\."):
        pcsweep.load("planned", str(tmp_path))


def test_the_package_starts_without_what_only_loading_needs() -> None:
    code = (
        "import sys, pcsweep; heavy = {'pandas', 'pyarrow', 'torch', 'numpy'}; assert not heavy & set(sys.modules);"
        "pcsweep.load; assert 'pyarrow' in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'pcsweep' has no attribute 'loda'"):
        _ = pcsweep.loda


def test_every_column_is_documented(demo: Path) -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE.split("## Columns")[1].split("\n## ")[0], re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(.*?)`", row)}
    assert set(pcsweep.load("demo", demo / "outputs").schema.names) <= documented


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        (0, ["576 rows, 0 without an IoU", "best cell: β=0.6, λ=0.2", r"σ=0: mean IoU 0\.\d+ at t=0, .* at t=3", "σ=0.4: .*"]),
        (1, ["12 images with a gain, 0 without", " +category +area +gain", "large +4 .*", r"rank correlation .* -?\d\.\d+"]),
        (2, ["24 pairs, 0 without .*", r"right at t=0: n=\d+, IoU [+-]0\.\d+, .*rank correlation -?\d\.\d+ .*"]),
    ],
)
def test_the_examples_run(demo: Path, number: int, lines: list[str]) -> None:
    assert len(EXAMPLES) == 3
    told = run_example(number, demo)
    for line in lines:
        assert re.search(f"^{line}$", told, re.MULTILINE), told
    assert number > 0 or (demo / "iou_over_time.png").stat().st_size > 1000


def test_the_examples_give_the_numbers_of_plain_loops(demo: Path) -> None:
    """The gain of the first example's best cell, from the shards as they lie there."""
    told = re.search(r"σ=0.4: mean IoU (\S+) at t=0, (\S+) at t=3", run_example(0, demo))
    assert told
    for timestep, shown in ((0, told[1]), (3, told[2])):
        values = [
            row["iou"]
            for shard in all_shards(demo / "outputs/demo/shards")
            if isinstance(shard, shards.Shard)
            for row in shard.table.select(["sigma", "beta", "lambda", "timestep", "iou"]).to_pylist()
            if (row["sigma"], row["beta"], row["lambda"], row["timestep"]) == (0.4, 0.6, 0.2, timestep)
        ]
        assert len(values) == 2 * 12
        assert np.nanmean(values) == pytest.approx(float(shown), abs=5e-4)
