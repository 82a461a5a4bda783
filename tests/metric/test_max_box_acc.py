"""MaxBoxAccV2 by hand, against plain loops, and through a whole study; and that only its own file knows it."""

import re
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from configured import compute
from hydra import compose, initialize_config_dir

import pcsweep
from pcsweep.aggregate.__main__ import main
from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.metric.max_box_acc import DELTAS, METRIC, Hits, best_box, box_iou_at, max_box_acc
from pcsweep.metric.row import Scored
from pcsweep.statistics.bootstrap import Resamples
from pcsweep.study import shards
from pcsweep.study.damaged import is_done

THRESHOLDS = (0.2, 0.5, 0.8)


def scored(saliency, mask, ignore=None):
    ignore = torch.zeros_like(mask) if ignore is None else ignore
    none = torch.zeros(len(mask), dtype=torch.long)
    return Scored(saliency, mask, ignore, torch.zeros(len(mask), 2), none, none, 0.5, THRESHOLDS)


def test_by_hand():
    mask = torch.zeros(1, 6, 6, dtype=torch.bool)
    mask[0, 1:3, 1:5] = True  # a box of 2 × 4
    saliency = torch.zeros(1, 6, 6)
    saliency[0, 1:3, 1:3] = 1.0  # a box of 2 × 2 inside: 4 of 8
    saliency[0, 1:3, 3:5] = 0.6  # at 0.5 the whole
    saliency[0, 5, 5] = 0.3  # at 0.2 a second part, which is not the best
    assert box_iou_at(scored(saliency, mask)).tolist() == [[1.0, 1.0, 0.5]]


def test_pixels_at_a_corner_are_of_one_part_and_what_is_ignored_is_of_none():
    found = np.eye(4, dtype=bool)
    assert best_box(found, (slice(0, 4), slice(0, 4))) == 1
    found[1, 1] = False
    assert best_box(found, (slice(0, 4), slice(0, 4))) == 4 / 16
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    mask[0, :2, :2] = True
    saliency, ignore = torch.zeros(1, 4, 4), torch.zeros_like(mask)
    saliency[0, :2, :4] = 1.0
    ignore[0, :, 2:] = True
    assert box_iou_at(scored(saliency, mask, ignore)).tolist() == [[1.0, 1.0, 1.0]]


def test_undefined_is_nan():
    mask = torch.ones(2, 3, 3, dtype=torch.bool)
    mask[1] = False
    saliency = torch.full((2, 3, 3), torch.nan)
    saliency[1] = 1.0
    assert box_iou_at(scored(saliency, mask)).isnan().all()


def flood(found):
    """Boxes of connected parts, one pixel after the other."""
    left, boxes = {tuple(place) for place in np.argwhere(found)}, []
    while left:
        todo, part = [left.pop()], []
        while todo:
            y, x = todo.pop()
            part.append((y, x))
            for near in ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
                if near in left:
                    left.remove(near)
                    todo.append(near)
        ys, xs = zip(*part, strict=True)
        boxes.append({(y, x) for y in range(min(ys), max(ys) + 1) for x in range(min(xs), max(xs) + 1)})
    return boxes


@pytest.mark.parametrize("seed", range(5))
def test_by_loops(seed):
    generator = np.random.default_rng(seed)
    saliency, mask = generator.random((7, 8, 9)).astype(np.float32), generator.random((7, 8, 9)) > 0.9
    mask[:, 2, 3] = True
    at = box_iou_at(scored(torch.tensor(saliency), torch.tensor(mask))).numpy()
    expected = np.zeros((7, 3))
    for image in range(7):
        ys, xs = np.nonzero(mask[image])
        own = {(y, x) for y in range(ys.min(), ys.max() + 1) for x in range(xs.min(), xs.max() + 1)}
        for place, threshold in enumerate(THRESHOLDS):
            boxes = flood(saliency[image] > threshold)
            expected[image, place] = max((len(own & box) / len(own | box) for box in boxes), default=0)
    np.testing.assert_allclose(at, expected, atol=1e-6)
    lists = {t: at[None, :, i] for i, t in enumerate(THRESHOLDS)}
    shard = SimpleNamespace(metrics={}, pixels=None, classes=None, threshold=0.5, at_thresholds=lambda name: lists)
    pool = max_box_acc([shard])
    by_hand = np.mean([max((expected[:, place] >= delta).mean() for place in range(3)) for delta in DELTAS])
    assert pool.own.observed() == pytest.approx([by_hand])
    assert pool.pairs is None


def test_resamples_choose_their_own_threshold():
    hit = np.zeros((3, 2, 1, 4))
    hit[:, 0, 0] = [1, 1, 0, 0]
    hit[:, 1, 0] = [0, 0, 1, 0]
    hits = Hits(hit, np.ones((1, 4)))
    assert hits.observed().tolist() == [0.5]
    counts = np.array([[1, 1, 1, 1], [0, 0, 4, 0], [4, 0, 0, 0], [1, 0, 2, 1]], np.float32)
    assert hits.resampled(Resamples(counts)).tolist() == [[0.5, 1.0, 1.0, 0.5]]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two cells that measure it, and a study that does not."""
    root = tmp_path_factory.mktemp("studies")
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        for name, metrics in (("with", "[iou,max_box_acc]"), ("without", "[iou]")):
            for beta in (0.4, 0.8):
                words = [f"study={name}", f"metrics={metrics}", f"pcoder.beta={beta}", "noise.sigma=0.4"]
                compute(compose("config", overrides=[*words, f"output_root={root}", "dataset.limit=8", "timesteps=2"]))
    return root


def test_a_study_has_it_in_its_table_and_another_reads_as_null(study, capsys):
    assert main([f"output_root={study}", "study=with", "metric=max_box_acc", "resamples=20"]) == 0
    assert "Best cell" in capsys.readouterr().out
    rows = pcsweep.load("with", study).to_table(columns=["box_iou_at", "iou_at"])
    assert rows["box_iou_at"].null_count == 0
    assert all(0 <= value <= 1 for row in rows["box_iou_at"].to_pylist() for value in row)
    older = pcsweep.load("without", study).to_table(columns=["box_iou_at", "iou"])
    assert older["box_iou_at"].null_count == older.num_rows == 48
    assert older["iou"].null_count == 0


def test_where_it_was_not_measured_that_is_said(study, capsys):
    assert main([f"output_root={study}", "study=without", "metric=max_box_acc", "resamples=20"]) == 2
    said = capsys.readouterr().err
    assert "Expected `metric` to be one of iou," in said
    assert "'max_box_acc', which was not measured: this study has metrics=[iou]" in said


def test_where_some_cells_are_older_it_is_said_in_how_many(study, tmp_path, capsys):
    """A shard that was computed before the metric was there is whole, keeps its name, and is not computed anew."""
    copytree(study / "with" / "shards", tmp_path / "mixed" / "shards")
    path, _ = sorted((tmp_path / "mixed" / "shards").iterdir())
    shard = shards.read(path)
    texts = {name: text for name, text in shard.metadata.items() if name != "further"}
    older = {name: shard.table[name].to_pylist() for name in shards.SCHEMA.names}
    assert shards.write(path.parent, shard.settings, older, texts) == path
    assert "box_iou_at" not in shards.read(path).table.column_names
    assert is_done(path.parent, path.stem)
    assert main([f"output_root={tmp_path}", "study=mixed", "metric=max_box_acc", "resamples=20"]) == 0
    assert "Look at: Not measured in 1 of 2 cells: IoU of a centred Gaussian, box accuracy" in capsys.readouterr().out
    rows = pcsweep.load("mixed", tmp_path).to_table(columns=["box_iou_at"])
    assert rows["box_iou_at"].null_count == rows.num_rows / 2
    next(each for each in path.parent.iterdir() if each != path).unlink()
    assert main([f"output_root={tmp_path}", "study=mixed", "metric=max_box_acc", "resamples=20"]) == 2
    assert "but got 'max_box_acc', which no cell has in all of its shards." in capsys.readouterr().err


def test_without_thresholds_it_is_refused_before_anything_is_written(tmp_path):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        words = [
            "study=none",
            "metrics=[iou,max_box_acc]",
            f"output_root={tmp_path}",
            "dataset.limit=8",
            "timesteps=1",
            "thresholds=[]",
        ]
        with pytest.raises(BadSetting, match=r"Expected `thresholds` to have one at least, which max_box_acc of `metrics` needs"):
            compute(compose("config", overrides=words))
    assert list(tmp_path.iterdir()) == []


def test_no_other_file_of_the_package_names_it():
    folders = (Path(pcsweep.__file__).parent, Path(conf_folder()))
    files = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".js", ".html", ".yaml")]
    naming = {path.name for path in files if re.search(r"max_box_acc|box_iou_at|MaxBoxAcc", path.read_text(encoding="utf-8"))}
    assert naming == {"max_box_acc.py"}
    assert METRIC.name == "max_box_acc"
