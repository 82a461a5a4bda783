"""A study made by hand, with every kind of note that an export reads."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from toy_study import plan, put, settings

from pcsweep.export.__main__ import main
from pcsweep.study import failures, shards


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """`<tmp>/outputs/toy`: six shards, of two noise seeds in two cells, and a failure."""
    folder = tmp_path / "outputs" / "toy"
    for beta in (0.5, 0.8):
        put(folder, settings(beta, 0.1), pictured=1)
        for seed in (0, 1):
            put(folder, settings(beta, 0.1, 0.4, noise__seed=seed))
    missing = settings(0.2, 0.1)
    plan(folder, [missing, settings(0.5, 0.1), settings(0.8, 0.5)], f"python -m pcsweep -m dataset.root={Path.home()}/images")
    noted = folder / "planned" / "1.json"
    noted.write_text(json.dumps({**json.loads(noted.read_text()), "note": "second try", "tags": ["alpha", "quick"]}))
    failures.note(folder, shards.identity(missing), "β=0.2", ValueError(f"nothing in {Path.home()}/data"), None)
    return folder


@pytest.fixture
def export(study: Path) -> Callable[[Sequence[str]], int]:
    """Runs the command on the study; its exit code."""
    return lambda words: main(["study=toy", f"output_root={study.parent}", "resamples=50", "permutations=99", *words])
