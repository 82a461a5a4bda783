"""Runs in MLflow, read back with its own client."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from toy_study import put, settings

from pcsweep.export.runs import ExportRun
from pcsweep.export.to.mlflow import MAX_PARAM_VAL_LENGTH, MlflowClient, _prepare, _shown
from pcsweep.export.to.mlflow import runs_of as exported_runs
from pcsweep.study import shards

# Of SQLAlchemy, for which MLflow's models are too old.
pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
Export = Callable[[Sequence[str]], int]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store without runs, which takes seconds to make."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    _prepare(path)
    return path


@pytest.fixture(autouse=True)
def _store(empty: Path, study: Path) -> None:
    (study / "export").mkdir()
    shutil.copy(empty, study / "export" / "mlflow.db")


def client(study: Path) -> MlflowClient:
    return MlflowClient(tracking_uri=f"sqlite:///{study}/export/mlflow.db")


def runs(study: Path) -> dict[str, Any]:
    experiment = client(study).get_experiment_by_name("toy")
    found = client(study).search_runs([experiment.experiment_id])
    assert len({run.data.tags["pcsweep.identity"] for run in found}) == len(found)
    return {run.data.tags["pcsweep.identity"]: run for run in found}


def test_a_run_for_each_point(study: Path, export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(["to=mlflow"]) == 0
    assert "Exported: 7 runs new: experiment toy in sqlite:///" in capsys.readouterr().out
    found = runs(study)
    assert len(found) == 7
    identity = shards.identity(settings(0.5, 0.1))
    run = found[identity]
    assert run.info.run_name == "β=0.5 λ=0.1 <point>"
    assert run.info.status == "FINISHED"
    assert run.info.end_time == round((study / "shards" / f"{identity}.parquet").stat().st_mtime * 1000)
    assert run.data.params["noise.sigma"] == "0.2"
    assert run.data.params["pcoder.beta"] == "[0.5, 0.5]"
    assert run.data.tags["pcsweep.status"] == "done"
    assert run.data.tags["mlflow.note.content"] == "second try"
    assert run.data.tags["pcsweep.tags"] == "alpha, quick"
    assert "pcsweep.tags" not in found[shards.identity(settings(0.8, 0.1))].data.tags
    history = client(study).get_metric_history(run.info.run_id, "iou/mean")
    table = shards.read(study / "shards" / f"{identity}.parquet").table.to_pandas()
    means = table.groupby("timestep")["iou"].apply(lambda values: values.astype(float).mean())
    assert {each.step: each.value for each in history} == pytest.approx(means.to_dict(), abs=1e-12)
    failed = found[shards.identity(settings(0.2, 0.1))]
    assert (failed.info.status, failed.data.tags["pcsweep.error"]) == ("FAILED", "ValueError: nothing in ~/data")
    assert str(Path.home()).encode() + b"/" not in (study / "export" / "mlflow.db").read_bytes()


def test_twice_doubles_no_run(study: Path, export: Export, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(["to=mlflow"]) == 0
    before = {identity: run.info.run_id for identity, run in runs(study).items()}
    put(study, settings(0.2, 0.1))  # which had failed
    assert export(["to=mlflow"]) == 0
    assert "Exported: 1 run made anew, 6 runs unchanged: experiment toy" in capsys.readouterr().out.replace("\n", " ")
    after = {identity: run.info.run_id for identity, run in runs(study).items()}
    anew = shards.identity(settings(0.2, 0.1))
    assert after.keys() == before.keys()
    assert {identity for identity in before if before[identity] != after[identity]} == {anew}
    assert runs(study)[anew].info.status == "FINISHED"


def test_an_interruption_leaves_whole_runs(study: Path, export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(given: Any) -> Any:
        for number, run in enumerate(exported_runs(given)):
            if number == 2:
                yield _Interrupting(**vars(run))
            yield run

    with monkeypatch.context() as patch:
        patch.setattr("pcsweep.export.to.mlflow.runs_of", interrupted)
        assert export(["to=mlflow"]) == 130
    assert len(runs(study)) == 2
    assert export(["to=mlflow"]) == 0
    assert len(runs(study)) == 7
    assert [path.name for path in (study / "export").iterdir()] == ["mlflow.db"]


class _Interrupting(ExportRun):
    """Ctrl-C when its tags are asked for, after its metrics."""

    def __getattribute__(self, name: str) -> Any:
        if name == "tags":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


def test_a_setting_that_is_too_long_is_cut_and_named(study: Path, export: Export, caplog: pytest.LogCaptureFixture) -> None:
    put(study, settings(0.3, 0.1, noise__name="n" * (MAX_PARAM_VAL_LENGTH + 1)))
    assert export(["to=mlflow"]) == 0
    assert f"Setting noise.name of 1 run is cut to the {MAX_PARAM_VAL_LENGTH} characters that MLflow takes." in caplog.text
    assert any(run.data.params["noise.name"].endswith("n …") for run in runs(study).values())


@pytest.mark.parametrize(
    ("address", "shown"),
    [("http://me:secret@host:5000/x", "http://host:5000/x"), ("sqlite:////a/m.db", "sqlite:////a/m.db"), ("databricks",) * 2],
)
def test_no_password_is_shown(address: str, shown: str) -> None:
    assert _shown(address) == shown


def test_a_store_that_takes_no_runs(study: Path, export: Export, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert export(["to=mlflow", f"into=file://{tmp_path}/mlruns"]) == 1
    assert f"MLflow's store file://{tmp_path}/mlruns does not take the runs: The filesystem" in capsys.readouterr().err
    assert export(["to=mlflow", f"into={study}/a#b.db"]) == 2
    assert "Expected `into` to be a path without ?, # and %" in capsys.readouterr().err
