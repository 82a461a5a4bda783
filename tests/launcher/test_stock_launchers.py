"""The same sweep by every launcher: Hydra's own, submitit's, joblib's, and `grid` in all its ways, leaves the same shards."""

import pyarrow.compute as pc
import pytest
from stored import all_shards

SWEEP = ["-m", "noise.sigma=0.1,0.4", "pcoder.beta=0.3,0.9", "pcoder.lambda=0.2"]  # β = 0.9 is skipped
LAUNCHERS = {
    "basic": ["hydra/launcher=basic"],
    "joblib": ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
    "submitit_local": ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"],
    "submitit_slurm": ["hydra/launcher=submitit_slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"],
    "here": ["hydra.launcher.executor=local"],
    "in workers": ["hydra.launcher.executor=local", "hydra.launcher.workers=2"],
    "on slurm": ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"],
}


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The shards of the points one by one, without a launcher; filled by the first test."""
    return {}


def measured(folder):
    """What the shards of a study hold, by their names, NaN as a number of its own."""
    found = {}
    for shard in all_shards(folder / "shards"):
        columns = {name: shard.table[name] for name in shard.table.column_names}
        found[shard.path.stem] = {
            name: pc.fill_null(pc.if_else(pc.is_nan(column), -1.0, column), -2.0).to_pylist()
            if str(column.type) in ("float", "double")
            else column.to_pylist()
            for name, column in columns.items()
        }
    return found


@pytest.mark.parametrize(
    "launcher", [pytest.param(name, marks=pytest.mark.cold) if name == "submitit_slurm" else name for name in LAUNCHERS]
)
def test_every_launcher_leaves_the_same_shards(launcher, pcsweep, tmp_path, expected):
    if not expected:
        for sigma in (0.1, 0.4):
            alone = pcsweep(f"noise.sigma={sigma}", "pcoder.beta=0.3", "pcoder.lambda=0.2", "study=alone")
            assert alone.returncode == 0, alone.stderr
        expected |= measured(tmp_path / "outputs/alone")
    done = pcsweep(*SWEEP, *LAUNCHERS[launcher], "study=swept")
    assert done.returncode == 0, done.stderr
    assert len(expected) == 2
    assert measured(tmp_path / "outputs/swept") == expected


def test_several_grids_of_several_rules_leave_on_slurm_the_shards_that_they_leave_here(pcsweep, tmp_path):
    sweep = [
        "-m",
        "hydra.sweeper.grids=[{pcoder:scaled},{pcoder:surround,pcoder.kappa:'0.1,0.3'},{pcoder:adaptation,pcoder.b:0.2}]",
        "noise.sigma=0.4",
    ]
    for launcher in ("here", "on slurm"):
        done = pcsweep(*sweep, *LAUNCHERS[launcher], f"study={launcher.replace(' ', '_')}")
        assert done.returncode == 0, done.stderr
    found = measured(tmp_path / "outputs/on_slurm")
    assert len(found) == 4
    assert found == measured(tmp_path / "outputs/here")
