"""Offline runs of Weights & Biases, one for each grid point, to be sent with `wandb sync` by whoever wants to.

Its client does the writing, in a process of its own that it starts. It is told to be offline whatever the user's variables and
settings say, to ask for nothing, and to note nothing of this machine.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # read when it is imported

import wandb

from pcsweep.console.progress import stage
from pcsweep.export.runs import ExportRun, runs_of
from pcsweep.export.study import ExportStudy
from pcsweep.export.wording import ANEW, NEW, UNCHANGED, runs_said
from pcsweep.export.words import ExportWords
from pcsweep.machine.processes import ended, this_process

PROJECT = "pcsweep"
_IDENTITY, _CONTENT = 16, 8  # digits of each in the identifier of a run
_UNFINISHED = ".unfinished."  # begins the name of a folder of runs that are being written
_THEIR_OWN = ("logs", "tmp")  # of a run's folder; `wandb sync` reads neither


def place(words: ExportWords, study: Path) -> Path:
    """The folder of the runs."""
    return words.folder(study / "export" / "wandb")


def write(study: ExportStudy, folder: Path, words: ExportWords) -> str:
    """Makes runs that are not there, each whole, and makes anew those of which something has changed; says how many."""
    counts: Counter[str] = Counter()
    _clear(folder)
    with _beside(folder) as unfinished, _offline(unfinished):
        for run in runs_of(study):
            identifier = _identifier(run)
            former = list(folder.glob(f"*run-*-{run.identity[:_IDENTITY]}-*"))
            if any(path.name.endswith(f"-{identifier}") for path in former):
                counts[UNCHANGED] += 1
                continue
            _write(study.name, run, unfinished)
            for path in former:
                shutil.rmtree(path)
            (made,) = unfinished.glob(f"wandb/offline-run-*-{identifier}")
            for name in _THEIR_OWN:
                shutil.rmtree(made / name, ignore_errors=True)
            made.rename(folder / made.name)
            counts[ANEW if former else NEW] += 1
    return f"{runs_said(counts)}: {folder}"


def _identifier(run: ExportRun) -> str:
    return f"{run.identity[:_IDENTITY]}-{run.content[:_CONTENT]}"


def _write(study: str, run: ExportRun, folder: Path) -> None:
    """Writes a run below `folder`."""
    made = wandb.init(
        project=PROJECT,
        group=study,
        job_type="point",
        id=_identifier(run),
        name=run.name,
        dir=folder,
        notes=run.labelling.note or None,
        tags=run.labelling.tags,
        config={**run.settings, **{f"pcsweep.{name}": text for name, text in run.tags.items()}},
        settings=_settings(),
    )
    for timestep in sorted(run.history):
        made.log({"timestep": timestep, **run.history[timestep]}, step=timestep)
    made.finish(exit_code=1 if run.error else 0)


def _settings() -> wandb.Settings:
    return wandb.Settings(
        mode="offline",
        silent=True,
        console="off",
        host="",
        save_code=False,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        x_disable_machine_info=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_save_requirements=False,
    )


@contextmanager
def _offline(folder: Path) -> Iterator[None]:
    """Around the client: without the user's own variables for it, and with its caches in `folder`."""
    own = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("WANDB_")}
    told = {f"WANDB_{name}_DIR": str(folder / "own") for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT")}
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", **told}
    try:
        with stage("starting the client of Weights & Biases"):
            wandb.setup(_settings())
        yield
    finally:
        wandb.teardown()
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            del os.environ[name]
        os.environ |= own


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A folder for runs that are being written; gone at the end."""
    path = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{this_process().tag}.", dir=folder))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _clear(folder: Path) -> None:
    """Removes what killed exports have left."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        if ended(path.name.removeprefix(_UNFINISHED).rpartition(".")[0]):
            shutil.rmtree(path, ignore_errors=True)
