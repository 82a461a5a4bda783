"""How fast large sweeps are composed, checked, submitted, computed and looked at, on a real Slurm of this machine.

    python benchmarks/launch.py [--points 2000] [--json launch.json]

Needs the packages slurm-wlm and munge, like the tests on Slurm. Every time is that of a whole command.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from slurm_cluster import Cluster  # noqa: E402

TRIVIAL = ["dataset.limit=1", "timesteps=0", "metrics=[iou]", "pictures=0"]
MODEST = ["hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]


def grid(points: int) -> list[str]:
    """Words for so many points, a multiple of 40, of which none is skipped."""
    return [f"pcoder.beta=range(0,0.5,{0.5 * 40 / points})", "pcoder.lambda=range(0,0.5,0.0125)"]


def run(folder: Path, environment: dict[str, str], module: str, *words: str) -> dict[str, float]:
    """Seconds that a command takes, and its peak memory in MiB."""
    started = time.monotonic()
    command = [sys.executable, "-m", module, *words]
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None  # a pipe
    said = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed: {said}")
    return {"seconds": time.monotonic() - started, "MiB": usage.ru_maxrss / 1024}


def measure(points: int, folder: Path, cluster: Cluster) -> dict[str, Any]:
    """All times of a sweep of so many points."""
    environment = os.environ | cluster.environment
    sweep = ["-m", *TRIVIAL, *MODEST, *grid(points)]
    cluster.drain("nothing shall run while times are taken")
    found = {"points": points}
    submit = [*sweep, "study=submitted", "hydra.launcher.wait=false", "hydra.launcher.points_per_job=8"]
    found["compose, check, submit"] = run(folder, environment, "pcsweep", *submit)
    found["the same again, all in the queue"] = run(folder, environment, "pcsweep", *submit)
    found["status of what is pending"] = run(folder, environment, "pcsweep.status", "study=submitted")
    found["cancel"] = run(folder, environment, "pcsweep.cancel", "study=submitted")
    local = [*sweep, "study=computed", "hydra.launcher.executor=local"]
    found["compute here"] = run(folder, environment, "pcsweep", *local)
    found["status of what is done"] = run(folder, environment, "pcsweep.status", "study=computed")
    found["compute here again, all done"] = run(folder, environment, "pcsweep", *local)
    cluster.resume()
    return found


def main() -> None:
    """Measures two sizes, of which the smaller is a tenth, so that start-up and time per point can be told apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2000, help="a multiple of 400")
    parser.add_argument("--json", type=Path, help="where to write the numbers")
    options = parser.parse_args()
    results = []
    for points in (options.points // 10, options.points):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "slurm").mkdir()
            with Cluster(Path(folder) / "slurm") as cluster:
                results.append(measure(points, Path(folder), cluster))
    small, large = results
    print(f"{'':36}{small['points']:>12}{large['points']:>12}{'per point':>12}{'MiB':>8}{'MiB':>8}")  # noqa: T201
    for name in list(large)[1:]:
        slope = 1000 * (large[name]["seconds"] - small[name]["seconds"]) / (large["points"] - small["points"])
        row = f"{name:36}{small[name]['seconds']:>10.1f} s{large[name]['seconds']:>10.1f} s{slope:>9.1f} ms"
        print(f"{row}{small[name]['MiB']:>8.0f}{large[name]['MiB']:>8.0f}")  # noqa: T201
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
