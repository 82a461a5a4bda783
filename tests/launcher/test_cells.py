"""A list of cells leaves the same shards in a queue as here, and the study keeps it."""

import json

import pytest
from stored import all_shards

from pcsweep.status import main as status

LIST = """\
# one cell of every kind
pcoder.beta,pcoder.lambda,noise,noise.sigma,pcoder.active
"[0.2,0.4,0.6,0.8]",0.1,gaussian,0.4,all
0.3,0.2,none,,"[1,3]"
0.3,0.2,none,,"[1,3]"
0.9,0.2,,,
"""
ON_SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A list in the folder where the commands are given."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "my cells.csv"
    path.write_text(LIST)
    return path


def names(folder):
    return sorted(shard.path.stem for shard in all_shards(folder / "shards"))


def test_a_list_leaves_in_a_queue_what_it_leaves_here(pcsweep, written, tmp_path, capsys):
    here = pcsweep("cells=my cells.csv", "study=here", "hydra.launcher.executor=local")
    assert here.returncode == 0, here.stderr
    assert "my cells.csv: 1 row is the same as another (line 5), and computed once." in here.stdout
    assert "0 of 3 already done, 1 skipped (β + λ > 1), 2 to run" in here.stdout
    sent = pcsweep("-m", "cells=my cells.csv", "study=sent", *ON_SLURM)
    assert sent.returncode == 0, sent.stderr
    assert len(names(tmp_path / "outputs/here")) == 2
    assert names(tmp_path / "outputs/here") == names(tmp_path / "outputs/sent")

    (note,) = (tmp_path / "outputs/here/planned").iterdir()
    (kept,) = json.loads(note.read_text())["lists"]
    assert kept["file"] == "my cells.csv"
    assert (tmp_path / "outputs/here/cells" / kept["copy"]).read_text() == LIST

    next((tmp_path / "outputs/here/shards").iterdir()).unlink()
    written.write_text("pcoder.beta\n0.1\n")
    assert status(["here"]) == 0
    said = capsys.readouterr().out
    assert f"cells=outputs/here/cells/{kept['copy']} study=here" in said
    assert "my cells.csv is not what it was; the command reads the study's copy of it." in said
    again = pcsweep(f"cells=outputs/here/cells/{kept['copy']}", "study=here", "hydra.launcher.executor=local")
    assert again.returncode == 0, again.stderr
    assert "1 of 3 already done" in again.stdout
    assert names(tmp_path / "outputs/here") == names(tmp_path / "outputs/sent")


def test_what_is_wrong_with_a_value_is_told_with_its_line(pcsweep, written, tmp_path):
    written.write_text("pcoder.beta,pcoder.lambda\n0.3,0.2\n1.3,0.2\n0.3,-1\n1.3,0.1\n")
    refused = pcsweep("cells=my cells.csv")
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        "pcsweep: my cells.csv, lines 3, 5: Expected `beta` to be in [0, 1], but got 1.3.",
        "my cells.csv, line 4: Expected `lambda` to be in [0, 1], but got -1.0.",
    ]
    assert not (tmp_path / "outputs").exists()


def test_another_sweeper_and_a_single_run_are_refused(pcsweep, written):
    for word, says in (("hydra/sweeper=basic", "Expected hydra/sweeper=grid for the list of cells my cells.csv"),
                       ("hydra.mode=RUN", "Expected -m for the list of cells my cells.csv")):  # fmt: skip
        refused = pcsweep("cells=my cells.csv", word)
        assert refused.returncode == 2
        assert says in refused.stderr
