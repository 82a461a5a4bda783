"""Where points stand: each in one place, whatever its files, its tasks and the queue say."""

import json
import tempfile
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.study.failures import Failure
from pcsweep.study.submissions import SubmittedTask
from pcsweep.sweep.executor import Answers
from pcsweep.sweep.executor.protocol import Queued
from pcsweep.sweep.standing import last_line, standing

PLACES = ("done", "running", "pending", "raised", "lost", "waiting", "unknown")
LINES = st.text("ab [λ\t", min_size=1, max_size=20)


def finish(folder, *identities):
    (folder / "shards").mkdir(exist_ok=True)
    for identity in identities:
        (folder / "shards" / f"{identity}.parquet").touch()


def raise_in(folder, *identities):
    (folder / "failures").mkdir(exist_ok=True)
    for identity in identities:
        (folder / "failures" / f"{identity}.json").write_text(json.dumps(asdict(Failure(identity, "it raised"))))


def task(name, *identities, index=0, job="7", log=None, cancelled=False, executor="slurm"):
    return SubmittedTask(name, index, identities, job, log, 1.0, cancelled, executor=executor)


def row(name, state="RUNNING", index=0, reason="None"):
    return Queued("7", index, name, state, reason)


SILENT = Answers(silent={"slurm": "Unable to contact slurm controller"})


def places(found, identity):
    return [name for name in PLACES if identity in getattr(found, name)]


def test_every_combination_of_files_tasks_and_queue(tmp_path):
    kinds = ("none", "gone", "cancelled", "running", "pending", "running and gone since", "cancelled and running since")
    expected, tasks, rows, unanswered = {}, [], [], {}
    for has_shard, has_note, kind in product((False, True), (False, True), kinds):
        name = f"{has_shard}-{has_note}-{kind}"
        if has_shard:
            finish(tmp_path, name)
        if has_note:
            raise_in(tmp_path, name)
        words = [] if kind == "none" else kind.removesuffix(" since").split(" and ")
        for number, word in enumerate(words):
            tasks.append(task(f"{name}-{number}", name, cancelled=word == "cancelled"))
            rows += [row(f"{name}-{number}", word.upper())] if word in ("running", "pending") else []
        settled = "done" if has_shard else "raised" if has_note else None
        open_ = {"none": "waiting", "gone": "lost", "cancelled": "waiting", "pending": "pending"}.get(kind, "running")
        expected[name] = settled or open_
        unanswered[name] = settled or ("waiting" if kind in ("none", "cancelled") else "unknown")
    for answer, told in ((Answers(rows), expected), (SILENT, unanswered)):
        found = standing(tmp_path, expected, tasks, answer)
        assert {name: places(found, name) for name in expected} == {name: [place] for name, place in told.items()}


@st.composite
def studies(draw):
    names = [f"p{number}" for number in range(draw(st.integers(0, 6)))]
    some = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    tasks = draw(
        st.lists(st.tuples(some, st.booleans(), st.sampled_from(["RUNNING", "PENDING", "COMPLETING", None])), max_size=5)
    )
    return names, draw(some), draw(some), tasks, draw(st.booleans())


@settings(deadline=None, derandomize=True)
@given(studies())
def test_each_point_is_in_one_place_whoever_else_is_there(study):
    names, done, noted, sent, answers = study
    tasks = [task("array", *names, index=number, cancelled=cancelled) for number, (names, cancelled, _) in enumerate(sent)]
    rows = [row("array", state, index=number) for number, (_, _, state) in enumerate(sent) if state]
    said = Answers(rows) if answers else SILENT
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finish(folder, *done, "another")
        raise_in(folder, *noted, "another")
        found = standing(folder, names, tasks, said)
        for point in names:
            (place,) = places(found, point)
            assert places(standing(folder, [point], tasks, said), point) == [place]
            assert point in getattr(found, place)
    assert sum(len(getattr(found, place)) for place in PLACES) == len(names)
    assert found.in_queue == set(found.running) | set(found.pending)
    assert found.failed == len(found.raised) + len(found.lost)
    for point, place in {**found.running, **found.pending, **found.lost}.items():
        assert point in place.identities


def test_a_queue_that_does_not_answer_hides_its_own_tasks_alone(tmp_path):
    tasks = [task("array", "a", executor="other.Queue"), task("array", "b", index=1), task("array", "c", index=2)]
    found = standing(tmp_path, "abc", tasks, Answers([row("array", index=1)], {"other.Queue": "gone"}))
    assert (found.unknown, list(found.running), list(found.lost)) == (("a",), ["b"], ["c"])
    assert found.silent == "other.Queue"


def test_tasks_of_one_array_are_told_apart(tmp_path):
    tasks = [task("array", name, index=number) for number, name in enumerate("abc")]
    found = standing(
        tmp_path, "abc", tasks, Answers([row("array", index=1), row("other", index=0), row("array", "PENDING", index=2)])
    )
    assert (list(found.lost), list(found.running), list(found.pending)) == (["a"], ["b"], ["c"])


def test_why_tasks_are_pending_is_said_once(tmp_path):
    tasks = [task("array", name, index=number) for number, name in enumerate("abcd")]
    reasons = ["Resources", "None", "Resources", "Priority"]
    rows = [row("array", "PENDING", index=number, reason=reason) for number, reason in enumerate(reasons)]
    assert standing(tmp_path, "abcd", tasks, Answers(rows)).reasons == ("Resources", "Priority")
    assert standing(tmp_path, "abcd", tasks, Answers()).reasons == ()


def test_what_became_of_lost_points_is_told_from_their_logs(tmp_path):
    def log(name, err=None, out=None):
        for suffix, text in (("err", err), ("out", out)):
            if text is not None:
                (tmp_path / f"{name}.{suffix}").write_text(text)
        return tmp_path / f"{name}.err"

    tasks = [
        task("full", "a", "b", job="1_0", log=log("full", "first\nslurmstepd: error: Killed [x]\n\n", "other")),
        task("silent", "c", job="1_1", log=log("silent", "", "on its way\n")),
        task("empty", "d", job="1_2", log=log("empty", "", "")),
        task("none", "e", job="1_3", log=log("none")),
        task("unsent", "f", job=None),
    ]
    raise_in(tmp_path, "g")
    labels = {name: f"point {name}" for name in "abcdefg"}
    why = {each.label: each for each in standing(tmp_path, labels, tasks, Answers()).failures(labels)}
    assert len(why) == 7
    assert why["point a"].error == "task 1_0 ended without a result: slurmstepd: error: Killed [x]"
    assert why["point a"].log == why["point b"].log == str(tmp_path / "full.err")
    assert why["point a"].job == "1_0"
    assert why["point c"].error == "task 1_1 ended without a result: on its way"
    assert why["point c"].log == str(tmp_path / "silent.out")
    assert why["point d"].error == "task 1_2 ended without a result"
    assert "no log" in why["point e"].error
    assert "interrupted before Slurm had taken it (unsent)" in why["point f"].error
    assert why["g"].error == "it raised"


@pytest.mark.parametrize("before", ["", "earlier\n", "x" * 20_000 + "\n", "\n".join(["many"] * 5000) + "\n"])
@settings(deadline=None, derandomize=True)
@given(line=LINES.filter(str.strip), after=st.sampled_from(["", "\n", "\n\n  \n"]))
def test_the_last_line_of_a_log_is_its_last_words(tmp_path_factory, before, line, after):
    path = tmp_path_factory.getbasetemp() / "log.err"
    path.write_text(before + line + after)
    assert last_line(path) == line.strip()


def test_a_log_without_words(tmp_path):
    assert last_line(tmp_path / "none.err") == ""
    (tmp_path / "log.err").write_bytes(b"\n \n")
    assert last_line(tmp_path / "log.err") == ""
    (tmp_path / "log.err").write_bytes(b"before\n\xff\xfe broken\n")
    assert last_line(tmp_path / "log.err").endswith("broken")


def test_the_last_words_are_the_tasks_not_sruns(tmp_path):
    log = tmp_path / "log.err"
    log.write_text("Traceback\nOSError: No space left\nsrun: error: n1: task 0: Exited with exit code 1\n")
    assert last_line(log) == "OSError: No space left"
    log.write_text("srun: error: n1: task 0: Exited with exit code 1\n")
    assert last_line(log) == "srun: error: n1: task 0: Exited with exit code 1"
    log.write_text("x\nsrun: error: n1: task 0: Out Of Memory\n")
    assert last_line(log) == "srun: error: n1: task 0: Out Of Memory"
