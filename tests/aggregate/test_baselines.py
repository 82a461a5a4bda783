"""What a study's values are compared with, and what is said where it was not measured."""

from pathlib import Path

import numpy as np
import pytest
from toy_study import IMAGES, STEPS, put, settings

from pcsweep.aggregate.baselines import baselines, told
from pcsweep.aggregate.result import Aggregate
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.saved import save


def studied(folder: Path, **given: np.ndarray | None) -> Aggregate:
    whole = np.ones((IMAGES, STEPS), np.float32)
    values = {"iou": 0.3 * whole, "area": 0.2 * whole, "centre": 0.4 * whole, **given}
    put(folder, settings(0.5, 0.3), undefined=0, **values)
    put(folder, settings(0.4, 0.3), undefined=0, **values)
    return aggregate(folder, 2, 2)


def test_the_network_at_t_0_then_the_maps(tmp_path: Path) -> None:
    table = studied(tmp_path).table
    found = baselines(table, "iou")
    assert len(found) == 2
    for each in found.values():
        assert list(each) == ["at t = 0", "centred Gaussian", "uniform map"]
        assert list(each.values()) == pytest.approx([0.3, 0.4, 0.2])
    assert told(table, "iou") == ["IoU at t = 0: 0.300; centred Gaussian: 0.400; uniform map: 0.200"]
    assert list(next(iter(baselines(table, "iou@0.25").values()))) == ["at t = 0", "uniform map"]
    assert list(next(iter(baselines(table, "correct").values()))) == ["at t = 0"]
    assert told(table, "max_box_acc") == []


def test_an_older_study_is_drawn_and_says_once_what_it_lacks(tmp_path: Path) -> None:
    result = studied(tmp_path, centre=None)
    (line,) = told(result.table, "iou")
    assert line.endswith("uniform map: 0.200; centred Gaussian: not measured when these shards were computed")
    assert save(result, tmp_path)
