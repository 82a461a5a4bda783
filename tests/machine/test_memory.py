"""What limits memory: the machine, or a control group."""

from pathlib import Path

import pytest

from pcsweep.machine.memory import limit

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
