"""Slurm's commands as shell scripts of a line or two, for tests that need no cluster."""

import os
from pathlib import Path

import pytest


def answering(monkeypatch: pytest.MonkeyPatch, folder: Path, **scripts: str) -> Path:
    """Puts commands with these names before all others on the PATH; gives their folder, where they may leave things."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\nhere='{folder}'\n{script}\n")
        (folder / name).chmod(0o755)
    if str(folder) not in os.environ["PATH"].split(os.pathsep):
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def without_slurm(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A PATH on which there are no commands at all."""
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", str(folder))
