"""Every attribution that can be chosen runs as a study does: in packs as alone, in bf16, and twice the same."""

from pathlib import Path

import pytest
import torch
from configured import LOADED
from hydra import compose, initialize_config_dir

from pcsweep.compute.run import run_pack
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import points_from
from pcsweep.study import shards

NAMES = sorted(path.stem for path in (Path(conf_folder()) / "attribution").glob("*.yaml"))


@pytest.fixture
def computed(tmp_path):
    """The maps and the IoU of each point of a pack."""

    def computed(study, words, grid):
        same = [f"output_root={tmp_path}", f"study={study}", "dataset.limit=5", "timesteps=1", "pictures=5", *words]
        with initialize_config_dir(conf_folder(), version_base="1.3"):
            configs = [compose("config", overrides=[*same, each]) for each in grid]
        points = points_from(configs, range(len(configs)), LOADED)
        run_pack(points, LOADED)
        tables = [shards.read(point.shard).table for point in points]
        return [(table["map"].to_pylist(), table["iou"].to_pylist()) for table in tables]

    return computed


def test_there_are_those_that_are_spoken_of():
    assert len(NAMES) >= 10


@pytest.mark.parametrize("name", NAMES)
def test_in_a_pack_as_alone(computed, name):
    grid = ["pcoder.beta=0.4", "pcoder.beta=0.7"]
    together = computed("together", [f"attribution={name}"], grid)
    assert together == [computed(f"alone{n}", [f"attribution={name}"], [each])[0] for n, each in enumerate(grid)]
    maps, iou = together[0]
    assert all(value is not None and value == value for value in iou)
    assert torch.tensor(maps).min() >= 0


@pytest.mark.parametrize("name", NAMES)
def test_in_bf16_nearly_the_same(computed, name):
    """The dynamics are rounded as well: what is compared is whether maps still look alike."""
    (exact, _), (rounded, iou) = (
        computed(precision, [f"attribution={name}", f"precision={precision}"], ["pcoder.beta=0.4"])[0]
        for precision in ("fp32", "bf16")
    )
    one, other = (torch.tensor(each).flatten(1).double() for each in (exact, rounded))
    assert all(value == value for value in iou)
    alike = torch.nn.functional.cosine_similarity(one, other)
    assert alike.min() > 0.95


@pytest.mark.parametrize("name", ["hires_cam", "eigen_cam", "ablation_cam"])
def test_a_map_at_another_layer_is_another(computed, name):
    """The head of pminivgg pools; what is pooled is a map of one cell."""
    (found, _) = computed("pooled", [f"attribution={name}", "attribution.layer=pool"], ["pcoder.beta=0.4"])[0]
    assert torch.tensor(found).shape[1:] == (1, 1)
