"""Random kills: sweeps on this machine are killed at random moments, many times, and then finished; nothing may be lost or left.

    python benchmarks/kills.py [--kills 1000] [--together 2] [--seed 0]

Each round starts commands on a new study and kills them by SIGKILL again and again until all that run finish. Then the study must
hold the same shards, with the same rows, as one that was never disturbed, nothing but shards, plans and what Hydra keeps of each
command, and no shard that changed after it was first seen. Commands are forked from a process that has imported everything, so a
round takes moments.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pcsweep import __main__ as command
from pcsweep.compute import run as _running  # noqa: F401  (imported before forking)
from pcsweep.console.progress import progress
from pcsweep.study import shards

WORDS = ["-m", "hydra/launcher=local", "dataset.limit=2", "timesteps=1", "pictures=1", "hydra.launcher.points_per_pack=2"]
FOLDERS = {"shards", "planned", "hydra"}  # of a finished study
GRID = ["noise.sigma=0,0.4", "pcoder.beta=0.2,0.6", "pcoder.lambda=0,0.2"]


def begin(folder: Path, main: Callable[[], int | None], words: list[str]) -> int:
    """Forks a command in `folder`; its process number."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        os.setsid()
        os.chdir(folder)
        log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = ["pcsweep", *words]
        code = main() or 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        os._exit(code)


def whole(folder: Path) -> dict[str, str]:
    """The shards of a study as they are on the disk."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("outputs/default/shards/*.parquet")}


def rows(folder: Path) -> dict[str, str]:
    """What the shards of a study say, each read and verified."""
    found = {}
    for path in sorted(folder.glob("outputs/default/shards/*.parquet")):
        found[path.name] = hashlib.sha256(str(shards.read(path).table.to_pylist()).encode()).hexdigest()
    return found


def strays(folder: Path) -> list[str]:
    """What a finished study holds besides shards, plans and what Hydra keeps of each command."""
    place = folder / "outputs" / "default"
    names = [path.relative_to(place) for path in place.rglob("*") if path.is_file() or path.name not in FOLDERS]
    return sorted(str(name) for name in names if name.parts[0] != "hydra" and not is_kept(name))


def is_kept(name: Path) -> bool:
    """Whether a file is where readers look for it, under a name of its kind."""
    kind = {"shards": ".parquet", "planned": ".json"}.get(name.parts[0])
    return len(name.parts) == 2 and name.suffix == kind and not name.name.startswith(".")


def one_round(folder: Path, chance: random.Random, seconds: float, together: int) -> int:
    """Kills until the study is finished; how many kills that took."""
    kills, seen = 0, {}
    while True:
        running = [begin(folder, command.main, [*WORDS, *GRID]) for _ in range(together)]
        patience = time.monotonic() + chance.uniform(0, 1.3 * seconds * together)
        ended = []
        while len(ended) < len(running) and time.monotonic() < patience:
            for child in set(running) - {each for each, _ in ended}:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    ended.append((child, os.waitstatus_to_exitcode(status)))
            time.sleep(0.002)
        for child in set(running) - {each for each, _ in ended}:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            kills += 1
        now = whole(folder)
        for name, digest in seen.items():
            if now.get(name) != digest:
                raise AssertionError(f"{folder}: {name} changed after it was written")
        seen = now
        if bad := [code for _, code in ended if code]:
            raise AssertionError(
                f"{folder}: a command that was not killed ended with {bad}: {(folder / 'log.txt').read_text()[-2000:]}"
            )
        if len(ended) == len(running):
            return kills


def main() -> None:
    """The campaign."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--together", type=int, default=2, help="how many identical commands run at once, at most")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    chance = random.Random(given.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        undisturbed = Path(name, "undisturbed")
        undisturbed.mkdir()
        started = time.monotonic()
        _, status = os.waitpid(begin(undisturbed, command.main, [*WORDS, *GRID]), 0)
        assert status == 0, (undisturbed / "log.txt").read_text()
        seconds, expected = time.monotonic() - started, rows(undisturbed)
        sys.stdout.write(f"undisturbed: {len(expected)} shards in {seconds:.1f} s\n")
        kills = studies = 0
        with progress("kills", given.kills, "kills") as advance:
            while kills < given.kills:
                folder = Path(name, f"round{studies}")
                folder.mkdir()
                more = one_round(folder, chance, seconds, 1 + studies % given.together)
                assert rows(folder) == expected, folder
                assert not strays(folder), strays(folder)
                shutil.rmtree(folder)
                kills, studies = kills + more, studies + 1
                advance(more)
    sys.stdout.write(f"{kills} kills in {studies} studies: every study finished with the same rows, and nothing else was left\n")


if __name__ == "__main__":
    main()
