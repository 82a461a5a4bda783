"""CSV files whose numbers read back exactly, and whose texts are no formulas; the example of docs/export.md."""

import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from toy_study import put, settings

import pcsweep

PAGE = (Path(__file__).parents[3] / "docs" / "export.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
Export = Callable[[Sequence[str]], int]
ORDER = ["identity", "image_id", "timestep"]


def test_every_number_reads_back(study: Path, export: Export) -> None:
    assert export(["to=csv"]) == 0
    found = pd.read_csv(study / "export" / "csv" / "rows.csv").sort_values(ORDER)
    loaded = pcsweep.load("toy", study.parent).to_table().to_pandas().sort_values(ORDER)
    for name in ("iou", "mass", "target_logit", "sigma", "area", "timestep", "noise.seed", "correct"):
        np.testing.assert_array_equal(found[name].to_numpy(), loaded[name].to_numpy(), err_msg=name)
    np.testing.assert_array_equal(
        np.stack([np.float32(json.loads(text)) for text in found["iou_at"]]), np.stack(list(loaded["iou_at"]))
    )
    assert {"map", "image", "noisy", "mask", "ignore"} == {*loaded.columns} - {*found.columns}
    cells = pd.read_csv(study / "export" / "csv" / "cells.csv")
    assert set(cells["identity"]) == set(pd.read_csv(study / "export" / "csv" / "points.csv")["cell"])


def test_compressed(study: Path, export: Export, tmp_path: Path) -> None:
    assert export(["to=csv", f"into={tmp_path}/there"]) == 0
    assert export(["to=csv", "gzip=true", f"into={tmp_path}/packed"]) == 0
    names = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert names == ["cells.csv", "failures.csv", "planned.csv", "points.csv", "rows.csv", "submissions.csv"]
    for name in names:
        assert gzip.decompress((tmp_path / "packed" / f"{name}.gz").read_bytes()) == (tmp_path / "there" / name).read_bytes()


def test_no_text_is_a_formula(study: Path, export: Export) -> None:
    put(study, settings(0.5, 0.1, 0.3, noise__name="=cmd|' /C calc'!A0"))
    assert export(["to=csv"]) == 0
    for name in ("rows", "points", "cells"):
        text = (study / "export" / "csv" / f"{name}.csv").read_text(encoding="utf-8")
        assert "\"'=cmd|' /C calc'!A0\"" in text
        assert '"=cmd' not in text


def test_the_example_of_the_page(study: Path, export: Export) -> None:
    assert export(["to=csv"]) == 0
    (example,) = EXAMPLE
    done = subprocess.run(
        [sys.executable, "-c", example.replace("demo", "toy")],
        cwd=study.parents[1],
        capture_output=True,
        text=True,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:][0].startswith("sigma")
