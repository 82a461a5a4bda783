"""What limits memory: the machine, or a control group; what was asked for, and what has been used."""

from pathlib import Path

import numpy as np
import pytest

from pcsweep.machine.memory import asked, forget_peak, kills, limit, peak

GIB = 2**30


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/self/cgroup": "0::/job/step\n", "sys/fs/cgroup/job/step/memory.max": "max\n"}, None),
        ({"proc/self/cgroup": "0::/job/step\n", "sys/fs/cgroup/job/step/memory.max": f"{GIB // 2}\n"}, GIB // 2),
        (
            {
                "proc/self/cgroup": "0::/job/step\n",
                "sys/fs/cgroup/job/step/memory.max": "max\n",
                "sys/fs/cgroup/job/memory.max": f"{GIB // 4}\n",
            },
            GIB // 4,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/slurm/job_1\n",
                "sys/fs/cgroup/memory/slurm/job_1/memory.limit_in_bytes": f"{GIB // 8}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            GIB // 8,
        ),
        ({}, None),
    ],
    ids=["no limit", "version 2", "of the job, not of the step", "version 1", "no control groups"],
)
def test_the_tightest_limit_counts(tmp_path, files, expected):
    machine = limit(tmp_path / "nothing")
    assert machine > GIB // 2
    assert limit(written(tmp_path, files)) == (machine if expected is None else expected)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"SLURM_MEM_PER_NODE": "16384"}, 16 * GIB),
        ({"SLURM_MEM_PER_NODE": "0"}, None),  # all that the node has
        ({"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_ON_NODE": "4"}, 8 * GIB),
        ({"SLURM_MEM_PER_CPU": "2048"}, None),
        ({"SLURM_MEM_PER_CPU": "0", "SLURM_CPUS_ON_NODE": "4"}, None),
        ({"SLURM_MEM_PER_NODE": "16G"}, None),
        ({"SLURM_MEM_PER_NODE": "²"}, None),
    ],
)
def test_what_a_job_has_asked_for(environment: dict[str, str], expected: int | None) -> None:
    assert asked(environment) == expected


def test_the_peak_is_of_what_came_after_it_was_forgotten() -> None:
    if not forget_peak():
        pytest.skip("this kernel does not forget")
    before = peak()
    large = np.ones(64 * 2**20, dtype=np.uint8)
    assert peak() >= before + 48 * 2**20
    del large
    assert peak() >= before + 48 * 2**20
    assert forget_peak()
    assert peak() < before + 32 * 2**20


def test_where_there_is_no_proc_the_peak_is_of_the_whole_process(tmp_path: Path) -> None:
    assert not forget_peak(tmp_path)
    assert peak(tmp_path) >= 2**20
    assert peak(written(tmp_path, {"proc/self/status": "Name:\tpython\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n"})) == 2 * 2**20


def test_the_kernels_count_of_what_it_has_killed(tmp_path):
    assert kills(tmp_path) == 0
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "vmstat").write_text("nr_free_pages 7\noom_kill 3\nswap_ra 1\n")
    assert kills(tmp_path) == 3
    assert kills() >= 0
