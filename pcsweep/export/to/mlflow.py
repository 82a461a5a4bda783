"""An experiment of MLflow: a run for each grid point, in an SQLite file beside the study or on a server of the user's own.

MLflow's store of folders (`mlruns`) takes no new runs by its version 3.17, so the local one is SQLite.
"""

import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # which it would send, and note in the user's folder, when imported
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # before it is said that a server does not answer

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import MAX_METRICS_PER_BATCH, MAX_PARAM_VAL_LENGTH, MAX_PARAMS_TAGS_PER_BATCH, MAX_TAG_VAL_LENGTH

from pcsweep.config.errors import BadSetting, Unfinished
from pcsweep.console.text import number_of
from pcsweep.export.runs import ExportRun, runs_of
from pcsweep.export.study import ExportStudy
from pcsweep.export.wording import ANEW, NEW, UNCHANGED, runs_said
from pcsweep.export.words import ExportWords
from pcsweep.machine.files import clear, replacing

_IDENTITY, _CONTENT = "pcsweep.identity", "pcsweep.content"
_DESCRIPTION = "mlflow.note.content"  # the tag that MLflow's pages show as text
_ARTIFACTS = "mlflow-artifacts:/"  # of whatever server shows the file, for runs here have none
_URI = re.compile(r"[A-Za-z][\w+.-]*:.*|databricks")
_ODD = re.compile(r"[^\w. :/-]")
_log = logging.getLogger(__name__)


def place(words: ExportWords, study: Path) -> str:
    """The address of the tracking store.

    Raises:
        BadSetting: a file that cannot be written.
    """
    if _URI.fullmatch(words.into):
        return words.into
    path = words.file(study / "export" / "mlflow.db", (0, b"SQLite format 3")).absolute()
    if set("?#%") & set(str(path)):
        raise BadSetting(f"Expected `into` to be a path without ?, # and %, which addresses have otherwise, but got {path}.")
    return f"sqlite:///{path}"


def write(study: ExportStudy, address: str, words: ExportWords) -> str:
    """Makes runs that are not there, and makes anew those of which something has changed; says how many.

    Raises:
        Unfinished: the store does not take them.
    """
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not _URI.fullmatch(words.into):
        _prepare(Path(address.removeprefix("sqlite:///")))
    try:
        return f"{_written(study, MlflowClient(tracking_uri=address))}: experiment {study.name} in {_shown(address)}"
    except MlflowException as error:
        raise Unfinished(f"MLflow's store {_shown(address)} does not take the runs: {str(error).splitlines()[0]}") from error


def _shown(address: str) -> str:
    """Without a password."""
    parts = urlsplit(address)
    return address.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2], 1) if "@" in parts.netloc else address


def _prepare(path: Path) -> None:
    """Makes an empty store, whole, where there is none."""
    clear(path.parent)
    if not path.exists():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # which a server makes unnecessary, and takes a second

        with replacing(path) as temporary:
            store = SqlAlchemyStore(f"sqlite:///{temporary}", _ARTIFACTS)  # type: ignore[no-untyped-call]
            store.engine.dispose()


def _written(study: ExportStudy, client: MlflowClient) -> str:
    experiment = _experiment(client, study.name)
    there = _there(client, experiment)
    counts: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    for run in runs_of(study):
        former = there.get(run.identity, {})
        if run.content in former.values():
            counts[UNCHANGED] += 1
            continue
        _new(client, experiment, run, cut)
        for identifier in former:
            client.delete_run(identifier)
        counts[ANEW if former else NEW] += 1
    for name, count in cut.items():
        what = number_of(count, "run")
        _log.warning("Setting %s of %s is cut to the %d characters that MLflow takes.", name, what, MAX_PARAM_VAL_LENGTH)
    return runs_said(counts)


def _experiment(client: MlflowClient, name: str) -> str:
    """The number of the experiment of that name, made or brought back if need be."""
    found = client.get_experiment_by_name(name)
    if found is None:
        local = client.tracking_uri.startswith("sqlite:")
        return str(client.create_experiment(name, artifact_location=_ARTIFACTS if local else None))
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _there(client: MlflowClient, experiment: str) -> dict[str, dict[str, str]]:
    """By identity, the runs of earlier exports, each with the hash of its content, which unfinished ones lack."""
    found: dict[str, dict[str, str]] = {}
    token = None
    while True:
        runs = client.search_runs([experiment], f"tags.`{_IDENTITY}` != ''", ViewType.ACTIVE_ONLY, 1000, page_token=token)
        for run in runs:
            tags = run.data.tags
            found.setdefault(tags[_IDENTITY], {})[run.info.run_id] = tags.get(_CONTENT, "")
        token = runs.token
        if not token:
            return found


def _new(client: MlflowClient, experiment: str, run: ExportRun, cut: Counter[str]) -> None:
    """Makes a run; one that is not finished is removed again."""
    identifier = client.create_run(experiment, _milliseconds(run.began), {_IDENTITY: run.identity}, run.name).info.run_id
    try:
        when = _milliseconds(run.ended)
        metrics = (
            Metric(name, value, when, timestep) for timestep, values in run.history.items() for name, value in values.items()
        )
        for some in _batches(metrics, MAX_METRICS_PER_BATCH):
            client.log_batch(identifier, metrics=some)
        for some in _batches((Param(name, value) for name, value in _params(run.settings, cut)), MAX_PARAMS_TAGS_PER_BATCH):
            client.log_batch(identifier, params=some)
        tags = {f"pcsweep.{name}": text[:MAX_TAG_VAL_LENGTH] for name, text in run.tags.items()}
        if run.labelling.note:
            tags[_DESCRIPTION] = run.labelling.note
        if run.labelling.tags:
            tags["pcsweep.tags"] = ", ".join(run.labelling.tags)
        client.log_batch(identifier, tags=[RunTag(name, text) for name, text in tags.items()])
        client.set_terminated(identifier, "FAILED" if run.error else "FINISHED", when)
        client.set_tag(identifier, _CONTENT, run.content)
    except BaseException:
        client.delete_run(identifier)
        raise


def _params(settings: Mapping[str, Any], cut: Counter[str]) -> Iterator[tuple[str, str]]:
    """Settings as MLflow takes them; those that are cut are counted."""
    for name, value in settings.items():
        text = str(value)
        if len(text) > MAX_PARAM_VAL_LENGTH:
            cut[name] += 1
            text = f"{text[: MAX_PARAM_VAL_LENGTH - 2]} …"
        yield _ODD.sub("_", name), text


def _batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while some := list(islice(items, size)):
        yield some


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
