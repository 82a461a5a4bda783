"""Offline runs of Weights & Biases, read back from their files; no network, no question, nothing of this machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_study import put, settings
from wandb_records import items, records

from pcsweep.export.to.wandb import runs_of as exported_runs
from pcsweep.study import shards

Export = Callable[[Sequence[str]], int]


def whole(folder: Path) -> dict[str, list[Any]]:
    """The records of each run, by identity."""
    found = {}
    for path in (folder / "export" / "wandb").glob("offline-run-*/run-*.wandb"):
        each = list(records(path))
        (run,) = (record.run for record in each if record.WhichOneof("record_type") == "run")
        identity = items(run.config.update)["pcsweep.identity"]
        assert identity not in found
        found[identity] = each
    return found


def test_a_run_for_each_point(study: Path, export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(["to=wandb"]) == 0
    assert f"Exported: 7 runs new: {study}/export/wandb" in capsys.readouterr().out
    found = whole(study)
    assert len(found) == 7
    identity = shards.identity(settings(0.5, 0.1))
    each = found[identity]
    (run,) = (record.run for record in each if record.WhichOneof("record_type") == "run")
    assert (run.project, run.run_group, run.job_type, run.display_name) == ("pcsweep", "toy", "point", "β=0.5 λ=0.1 <point>")
    config = items(run.config.update)
    assert (config["noise.sigma"], config["pcoder.beta"], config["threshold"]) == (0.2, [0.5, 0.5], 0.5)
    assert run.host == ""
    assert (run.notes, list(run.tags)) == ("second try", ["alpha", "quick"])
    history = [items(record.history.item) for record in each if record.WhichOneof("record_type") == "history"]
    table = shards.read(study / "shards" / f"{identity}.parquet").table.to_pandas()
    means = table.groupby("timestep")["iou"].apply(lambda values: values.astype(float).mean())
    assert {row["timestep"]: row["iou/mean"] for row in history} == pytest.approx(means.to_dict(), abs=1e-12)
    assert [row["_step"] for row in history] == [0, 1, 2, 3]
    (end,) = (record.exit for record in found[shards.identity(settings(0.2, 0.1))] if record.WhichOneof("record_type") == "exit")
    assert end.exit_code == 1


def test_twice_doubles_no_run(study: Path, export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(["to=wandb"]) == 0
    before = {path.name for path in (study / "export" / "wandb").iterdir()}
    put(study, settings(0.2, 0.1))  # which had failed
    assert export(["to=wandb"]) == 0
    assert "1 run made anew, 6 runs unchanged" in capsys.readouterr().out
    after = {path.name for path in (study / "export" / "wandb").iterdir()}
    assert (len(after), len(after & before)) == (7, 6)
    assert len(whole(study)) == 7


def test_an_interruption_leaves_whole_runs(study: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(given: Any) -> Any:
        for number, run in enumerate(exported_runs(given)):
            if number == 2:
                raise KeyboardInterrupt
            yield run

    with monkeypatch.context() as patch:
        patch.setattr("pcsweep.export.to.wandb.runs_of", interrupted)
        assert export(["to=wandb"]) == 130
    assert len(whole(study)) == 2
    assert len(list((study / "export" / "wandb").iterdir())) == 2  # nothing unfinished


def test_nothing_of_the_user_or_machine_is_written(study: Path, tmp_path: Path) -> None:
    """Beside what a shard says. With variables that would make the client ask, or go on line."""
    words = ["study=toy", f"output_root={study.parent}", "resamples=50", "permutations=99", "to=wandb"]
    secret = "0123456789" * 4
    home = tmp_path / "home of the user"
    home.mkdir()
    own = {"HOME": str(home), "WANDB_MODE": "online", "WANDB_API_KEY": secret, "WANDB_RUN_ID": "theirs", "WANDB_NOTES": "my note"}
    done = subprocess.run(
        [sys.executable, "-m", "pcsweep.export", *words],
        cwd=tmp_path,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert len(whole(study)) == 7
    written = b"".join(path.read_bytes() for path in (study / "export").rglob("*") if path.is_file())
    for word in (secret, "my note", "theirs", str(home), str(tmp_path)):
        assert word.encode() not in written
    assert not [path for path in home.rglob("*") if "wandb" in path.name]


def test_what_a_killed_export_has_left_is_removed(study: Path, export: Export) -> None:
    folder = study / "export" / "wandb"
    process = subprocess.Popen(
        [sys.executable, "-c", "from pcsweep.machine.processes import this_process; print(this_process().tag)"], stdout=-1
    )
    tag = process.communicate()[0].decode().strip()
    (folder / f".unfinished.{tag}.abc").mkdir(parents=True)
    (folder / ".unfinished.elsewhere-1-2.abc").mkdir()
    assert export(["to=wandb"]) == 0
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert left == [".unfinished.elsewhere-1-2.abc"]
    shutil.rmtree(folder)
