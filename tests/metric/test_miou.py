"""mIoU against ImageNet-S's own way of counting, on label maps; and through a whole study."""

import doctest
import math
from itertools import product
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from configured import compute
from hydra import compose, initialize_config_dir
from toy_study import put, settings

from pcsweep.aggregate.__main__ import main
from pcsweep.aggregate.run import aggregate
from pcsweep.grid.entry import conf_folder
from pcsweep.measure import png
from pcsweep.metric import TABLE, sizes
from pcsweep.metric.area import area, pixels
from pcsweep.metric.iou import found_at, iou_at
from pcsweep.metric.miou import METRICS, miou
from pcsweep.metric.row import Scored
from pcsweep.metric.saliency import scaled
from pcsweep.metric.sizes import SIZES
from pcsweep.statistics.bootstrap import Resamples, resampling
from pcsweep.study import shards
from pcsweep.study.folder import existing_study

THRESHOLD, IGNORED, CLASSES = 0.5, 1000, 12
SHARES = (0.01, 0.05, 0.06, 0.2, 0.25, 0.3, 0.5, 0.55, 0.9, 1.0)  # of the images, on both sides of every bound
SIDE = 20


def scene(seed: int, images: int = 30, ignored: float = 0.0) -> SimpleNamespace:
    """Maps at t = 0 and 1 (timesteps, images, side, side), masks of all sizes, and pixels to be ignored."""
    generator = np.random.default_rng(seed)
    order = generator.random((images, SIDE * SIDE)).argsort(axis=1).reshape(images, SIDE, SIDE)
    mask = order < np.round(np.resize(SHARES, images) * SIDE * SIDE)[:, None, None]
    saliency = np.float32(
        0.4 * generator.random((2, images, SIDE, SIDE)) + 0.3 * mask + 0.1 * generator.random(images)[:, None, None]
    )
    return SimpleNamespace(
        saliency=saliency.astype(np.float32),
        mask=mask,
        ignore=generator.random(mask.shape) < ignored,
        classes=generator.integers(0, 5, images),
    )


def shard_of(made: SimpleNamespace, thresholds: tuple[float, ...] = (0.7, THRESHOLD)) -> SimpleNamespace:
    """What a shard keeps of it."""
    lists: dict[str, list[np.ndarray]] = {"iou_at": [], "found_at": []}
    mask, ignore = torch.tensor(made.mask), torch.tensor(made.ignore)
    none = torch.zeros(len(mask), dtype=torch.long)
    for saliency in torch.tensor(made.saliency):
        scored = Scored(saliency, mask, ignore, torch.zeros(len(mask), 2), none, none, THRESHOLD, thresholds)
        lists["iou_at"].append(iou_at(scored).numpy())
        lists["found_at"].append(found_at(scored).numpy())
    return SimpleNamespace(
        metrics={"area": np.tile(area(mask, ignore).numpy(), (2, 1))},
        pixels=np.tile(pixels(ignore).numpy(), (2, 1)),
        classes=made.classes,
        threshold=THRESHOLD,
        at_thresholds=lambda name: {each: np.stack(lists[name])[..., place] for place, each in enumerate(thresholds)},
    )


def confusion(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """How many pixels of each class are predicted to be of which."""
    return np.bincount(true * (CLASSES + 1) + predicted, minlength=(CLASSES + 1) ** 2).reshape(CLASSES + 1, CLASSES + 1)


def size_of(true: np.ndarray, number: int) -> str:
    """As in ImageNet-S's evaluator, which rounds percents up."""
    percent = math.ceil(100.0 * (true == number).sum() / true.size)
    return "small" if percent <= 5 else "medium-small" if percent <= 25 else "medium-large" if percent <= 50 else "large"


def evaluated(made: SimpleNamespace, timestep: int, images: list[int], size: str = "") -> float:
    """Image by image on maps of labels: 0 is background, 1000 ignored; the classes that have pixels are averaged."""
    matrix = np.zeros((CLASSES + 1, CLASSES + 1), int)
    for image in images:
        number = made.classes[image] + 1
        labels = np.where(made.ignore[image], IGNORED, np.where(made.mask[image], number, 0)).ravel()
        values = made.saliency[timestep, image].ravel()
        if np.isnan(values).any() or number not in labels:
            continue
        predicted = np.where(values > np.float32(THRESHOLD), number, 0)[labels != IGNORED]
        true = labels[labels != IGNORED]
        if not size or size_of(true, number) == size:
            matrix += confusion(true, predicted)
    ious = []
    for each in range(CLASSES + 1):
        if matrix[each].sum():
            ious.append(matrix[each, each] / (matrix[each].sum() + matrix[:, each].sum() - matrix[each, each]))
    return float(np.mean(ious)) if ious else math.nan


def test_doctests() -> None:
    result = doctest.testmod(sizes)
    assert (result.failed, result.attempted) == (0, 1)


@pytest.mark.parametrize("ignored", [0.0, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_it_is_what_the_evaluator_of_imagenet_s_counts(seed: int, ignored: float) -> None:
    made = scene(seed, ignored=ignored)
    assert {size_of(mask.ravel(), 1) for mask in made.mask.astype(int)} == {size.name for size in SIZES}
    for metric in METRICS:
        pool = metric.pooled([shard_of(made)])
        expected = [evaluated(made, t, list(range(30)), metric.name.partition("@")[2]) for t in (0, 1)]
        assert pool.own.observed() == pytest.approx(expected, abs=1e-12), metric.name
        assert 0.1 < min(expected) < max(expected) < 0.95
        assert pool.pairs is None
        assert pool.nan.tolist() == [0, 0]


def test_it_is_no_mean_of_the_images_ious() -> None:
    made = scene(0)
    at = shard_of(made).at_thresholds("iou_at")[THRESHOLD]
    assert miou([shard_of(made)]).own.observed()[0] != pytest.approx(at[0].mean(), abs=0.01)


@pytest.mark.parametrize("number", range(len(METRICS)))
def test_resamples_are_those_of_their_images(number: int) -> None:
    made, name = scene(1, ignored=0.1), METRICS[number].name
    found = METRICS[number].pooled([shard_of(made)]).own.resampled(Resamples(resampling(30, 20, seed=4)))
    generator = np.random.default_rng(4)
    for place in range(20):
        drawn = generator.integers(0, 30, 30).tolist()
        for t in (0, 1):
            expected = evaluated(made, t, drawn, name.partition("@")[2])
            assert found[t, place] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_undefined_maps_and_empty_masks_are_left_out_and_counted() -> None:
    made = scene(2, ignored=0.1)
    made.saliency[1, [0, 3, 10]] = np.nan  # of sizes small, medium-small, small
    made.saliency[:, 8] = np.nan  # large
    made.mask[7] = False
    n, nan = {}, {}
    for metric in METRICS:
        pool, size = metric.pooled([shard_of(made)]), metric.name.partition("@")[2]
        assert pool.own.observed() == pytest.approx([evaluated(made, t, list(range(30)), size) for t in (0, 1)], abs=1e-12)
        n[size], nan[size] = pool.own.images().tolist(), pool.nan.tolist()
        if pool.pairs:
            now, start = pool.pairs
            both = [image for image in range(30) if image not in (0, 3, 10)]
            assert now.observed()[1] == pytest.approx(evaluated(made, 1, both, size), abs=1e-12)
            assert start.observed().shape == (1,) or start.observed()[1] == pytest.approx(evaluated(made, 0, both, size))
    assert (n[""], nan[""]) == ([28, 25], [2, 5])
    assert nan == {"": [2, 5], "small": [0, 2], "medium-small": [0, 1], "medium-large": [0, 0], "large": [1, 1]}
    assert sum(n[size.name][0] for size in SIZES) == 28


def test_a_size_without_images_is_undefined() -> None:
    made = scene(3)
    made.mask[:] = False
    made.mask[:, :4, :4] = True  # 4 %
    small, *others = (metric.pooled([shard_of(made)]) for metric in METRICS[1:])
    assert small.own.observed() == pytest.approx(METRICS[0].pooled([shard_of(made)]).own.observed(), abs=1e-12)
    for pool in others:
        assert np.isnan(pool.own.observed()).all()
        assert np.isnan(pool.own.resampled(Resamples(resampling(30, 3, seed=0)))).all()
        assert pool.own.observed().shape == (2,)
        assert pool.own.resampled(Resamples(resampling(30, 3, seed=0))).shape == (2, 3)
        assert (pool.own.images().tolist(), pool.nan.tolist()) == ([0, 0], [0, 0])


def test_objects_without_background_leave_it_out() -> None:
    made = scene(4)
    made.mask[:] = True
    made.saliency[:] = 1
    assert miou([shard_of(made)]).own.observed().tolist() == [1, 1]
    made.saliency[:, :, :10] = 0
    assert miou([shard_of(made)]).own.observed().tolist() == [0.5, 0.5]


def test_pixels_of_all_noise_seeds_are_added() -> None:
    one, other = scene(5), scene(5)
    other.saliency = scene(6).saliency
    both = SimpleNamespace(
        saliency=np.concatenate([one.saliency, other.saliency], axis=1),
        **{name: np.concatenate([getattr(one, name)] * 2) for name in ("mask", "ignore", "classes")},
    )
    found = miou([shard_of(one), shard_of(other)]).own
    assert found.observed() == pytest.approx([evaluated(both, t, list(range(60))) for t in (0, 1)], abs=1e-12)
    assert found.images().tolist() == [30, 30]


def test_what_does_not_change_has_no_gain_to_the_bit() -> None:
    made = scene(7, ignored=0.1)
    made.saliency[1] = made.saliency[0]
    at = miou([shard_of(made)]).own.resampled(Resamples(resampling(30, 50, seed=0)))
    assert (at[0] == at[1]).all()


def test_where_the_threshold_is_not_among_the_further_ones_it_is_not_measured() -> None:
    made = scene(0)
    for metric in METRICS:
        assert metric.pooled([shard_of(made, (0.7, 0.50001))]) is None
        assert metric.pooled([shard_of(made), shard_of(made, ())]) is None


BOUNDS = {1: "small", 20: "small", 21: "medium-small", 100: "medium-small", 101: "medium-large", 200: "medium-large",
          201: "large", 400: "large"}  # pixels of 400  # fmt: skip


@pytest.mark.parametrize(("count", "name"), BOUNDS.items())
def test_bounds_belong_to_the_smaller_size_whatever_is_ignored(count: int, name: str) -> None:
    for ignored in (0, 3 * SIDE * SIDE):
        mask = torch.arange(SIDE * SIDE + ignored)[None, :, None] < count
        ignore = torch.arange(SIDE * SIDE + ignored)[None, :, None] >= SIDE * SIDE
        share = area(mask, ignore).numpy()
        assert [size.name for size in SIZES if size.has(share).all()] == [name]
    assert size_of((np.arange(400) < count).astype(int), 1) == name


@pytest.mark.parametrize("total", [224 * 224, 224 * 224 - 1, 480 * 480 - 7, 1000 * 1000])
def test_a_pixel_more_than_a_bound_is_of_the_larger_size(total: int) -> None:
    for size, larger in zip(SIZES, SIZES[1:], strict=False):
        most = size.upto * total // 100  # pixels
        shares = np.array([most, most + 1], np.float32) / np.float32(total)
        assert size.has(shares).tolist() == [True, False]
        assert larger.has(shares).tolist() == [False, True]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    """Two cells as any study has them."""
    root = tmp_path_factory.mktemp("studies")
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        for beta in (0.4, 0.8):
            words = ["study=plain", "pictures=12", f"pcoder.beta={beta}", "pcoder.lambda=0.2", "noise.sigma=0.4"]
            compute(compose("config", overrides=[*words, f"output_root={root}", "dataset.limit=12", "timesteps=2"]))
    return root


def test_any_study_has_it_and_each_size(study, capsys) -> None:
    assert main([f"output_root={study}", "study=plain", "metric=miou", "resamples=20", f"to={study / 'kept'}"]) == 0
    told = capsys.readouterr().out
    assert "by mIoU(t) / mIoU(0)" in told
    rows = pq.read_table(study / "kept" / "aggregate.parquet").to_pylist()
    own = {row["metric"]: row for row in rows if row["metric"].startswith("miou") and row["timestep"] == 2}
    assert list(own) == ["miou", *(f"miou@{size.name}" for size in SIZES)]
    assert sum(own[f"miou@{size.name}"]["n"] for size in SIZES) == own["miou"]["n"] == 12
    assert own["miou"]["low"] <= own["miou"]["mean"] <= own["miou"]["high"]
    assert all(row["p"] != row["p"] and row["effect"] != row["effect"] for row in own.values())
    assert all((row["n"] == 0) == (row["mean"] != row["mean"]) for row in own.values())


def test_of_a_size_that_no_image_has_there_is_no_best_cell(study, capsys) -> None:
    where = [f"output_root={study}", "study=plain", "resamples=20", f"to={study / 'kept'}"]
    assert main([*where, "metric=miou@large"]) == 0
    said = "No best cell: no mIoU@large(t) / mIoU@large(0) of a cell that can change is defined"
    assert said in " ".join(capsys.readouterr().out.split())
    assert main([*where, "metric=miou@medium-small"]) == 0
    assert "No best cell" not in capsys.readouterr().out


def test_where_the_threshold_is_among_no_others_it_is_said_what_is_needed(tmp_path, capsys) -> None:
    point = settings(0.5, 0.2, threshold=0.3)
    put(tmp_path / "off", point)
    assert main([f"output_root={tmp_path}", "study=off", "metric=miou", "resamples=20"]) == 2
    assert (
        "but got 'miou', which no cell has in all of its shards; it needs `iou` in `metrics`, and `threshold` among `thresholds`."
        in capsys.readouterr().err
    )
    assert not (tmp_path / "off" / "aggregate.parquet").exists()


def test_the_table_has_what_the_pictures_of_the_shards_say(study) -> None:
    """From their maps and masks, pixel by pixel."""
    folder = existing_study(str(study), "plain")
    table = {(row["identity"], row["timestep"], row["metric"]): row["mean"] for row in aggregate(folder, 2).table.to_pylist()}
    for path in sorted((folder / "shards").iterdir()):
        rows = shards.read(path).table.sort_by([("timestep", "ascending"), ("image_id", "ascending")]).to_pylist()
        first = rows[:12]  # at t = 0, with all pictures
        mask, ignore = (np.stack([png.pixels(row[name]) > 0 for row in first]) for name in ("mask", "ignore"))
        maps = torch.tensor([row["map"] for row in rows])
        saliency = scaled(maps, mask.shape[1:]).numpy().reshape(3, *mask.shape)
        _, classes = np.unique([row["class_index"] for row in first], return_inverse=True)
        made = SimpleNamespace(saliency=saliency, mask=mask, ignore=ignore, classes=classes)
        for t, metric in product(range(3), METRICS):
            expected = evaluated(made, t, list(range(12)), metric.name.partition("@")[2])
            assert table[path.stem, t, metric.name] == pytest.approx(expected, abs=1e-9, nan_ok=True)
        assert not ignore.any()


def test_every_size_has_its_row_of_the_table_beside_the_metric() -> None:
    names = list(TABLE)
    assert names[names.index("miou") :][:5] == [metric.name for metric in METRICS]


def test_a_class_of_one_image_has_the_images_iou_wherever_it_is_drawn() -> None:
    """Classes of one image each are computed together, apart from those of several."""
    made = scene(3)
    made.classes = np.where(np.arange(30) < 20, np.arange(30), 100)  # 20 classes of one image, and one of ten
    counts = resampling(30, 40, seed=1)
    found = miou([shard_of(made)]).own.resampled(Resamples(counts))
    for place, draws in enumerate(counts.astype(int)):
        drawn = np.repeat(np.arange(30), draws).tolist()
        assert found[0, place] == pytest.approx(by_hand(made, drawn), rel=1e-6)


def by_hand(made: SimpleNamespace, drawn: list[int]) -> float:
    """mIoU at t = 0 of the images, a class after the other."""
    found = (made.saliency[0] > np.float32(THRESHOLD))[drawn]
    mask, classes = made.mask[drawn], made.classes[drawn]
    ious = [(~found & ~mask).sum() / (~found | ~mask).sum()]
    for each in np.unique(classes):
        of = classes == each
        ious.append((found[of] & mask[of]).sum() / (found[of] | mask[of]).sum())
    return float(np.mean(ious))
