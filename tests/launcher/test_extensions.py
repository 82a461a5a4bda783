"""Modules of the user's own on a cluster: they lie where the command was given."""

import pytest

import pcsweep as package
from pcsweep.study import shards

SALT = """
from typing import Annotated

import torch
from pydantic import Field


def salt(image, generator, *, share: Annotated[float, Field(ge=0, le=1)]):
    return image.masked_fill(torch.rand(image.shape[1:], generator=generator) < share, 1.0)
"""
SLURM = ["hydra.launcher.executor=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2"]
YAML = "_target_: toy_salt.salt\nshare: 0.05\nspace: pixel\nclip: false\nseed: ${seed}\n"


@pytest.fixture
def words(tmp_path):
    (tmp_path / "toy_salt.py").write_text(SALT)
    (tmp_path / "mine" / "noise").mkdir(parents=True)
    (tmp_path / "mine" / "noise" / "salt.yaml").write_text(YAML)
    return ["--config-dir", "mine", "extensions=[toy_salt]", "noise=salt", "-m", "noise.share=0.1,0.3", "pcoder.beta=0.4,0.8"]


@pytest.mark.parametrize("more", [(), ("hydra.launcher.wait=false",)])
def test_a_noise_of_the_users_own_runs_on_slurm_as_it_does_here(pcsweep, tmp_path, words, more):
    sent = pcsweep(*words, "study=there", *SLURM, *more)
    assert sent.returncode == 0, sent.stderr
    if more:  # the same command waits for them
        assert pcsweep(*words, "study=there", *SLURM).returncode == 0
    here = pcsweep(*words, "study=here", "hydra.launcher.executor=local")
    assert here.returncode == 0, here.stderr
    folders = {study: tmp_path / "outputs" / study / "shards" for study in ("there", "here")}
    names = {study: sorted(path.name for path in folder.glob("*.parquet")) for study, folder in folders.items()}
    assert names["there"] == names["here"]
    assert len(names["here"]) == 4
    for name in names["here"]:
        tables = [shards.read(folder / name).table for folder in folders.values()]
        assert tables[0].equals(tables[1])
    noises = set(package.load("there", tmp_path / "outputs").to_table(columns=["noise"])["noise"].to_pylist())
    assert noises == {"toy_salt.salt"}
