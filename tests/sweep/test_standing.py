"""Where points stand: each in one place, whatever its files, its tasks and the queue say."""

import json
import os
import tempfile
from dataclasses import asdict
from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from pcsweep.study.failures import Failure
from pcsweep.study.submitted import SubmittedTask
from pcsweep.sweep.executor.answers import Answers
from pcsweep.sweep.executor.protocol import Queued
from pcsweep.sweep.standing import standing

PLACES = ("done", "running", "pending", "raised", "lost", "waiting", "unknown")
ME = os.geteuid()


def finish(folder, *identities):
    (folder / "shards").mkdir(exist_ok=True)
    for identity in identities:
        (folder / "shards" / f"{identity}.parquet").touch()


def raise_in(folder, *identities):
    (folder / "failures").mkdir(exist_ok=True)
    for identity in identities:
        (folder / "failures" / f"{identity}.json").write_text(json.dumps(asdict(Failure(identity, "it raised"))))


def task(name, *identities, index=0, job="7", log=None, cancelled=False, executor="slurm", owner=ME):
    return SubmittedTask(name, index, identities, job, log, 1.0, cancelled, owner, executor)


def row(name, state="RUNNING", index=0, reason="None"):
    return Queued("7", index, name, state, reason)


SILENT = Answers(silent={("slurm", ME): "Unable to contact slurm controller"})


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
    found = standing(tmp_path, "abc", tasks, Answers([row("array", index=1)], {("other.Queue", ME): "gone"}))
    assert (list(found.unknown), list(found.running), list(found.lost)) == (["a"], ["b"], ["c"])


def test_what_is_not_known_of_one_user_hides_nothing_of_another(tmp_path):
    tasks = [task("array", "a", executor="my.Queue"), task("array", "b", index=1, executor="my.Queue", owner=ME + 1)]
    theirs = ("my.Queue", ME + 1)
    for answers in (Answers(silent={theirs: "somebody else's own"}), Answers(hidden=frozenset([theirs]))):
        found = standing(tmp_path, "ab", tasks, answers)
        assert (list(found.lost), list(found.unknown)) == (["a"], ["b"])


def test_only_tasks_of_these_points_say_why_they_are_pending(tmp_path):
    finish(tmp_path, "c")
    tasks = [task("array", name, index=number) for number, name in enumerate("abc")]
    rows = [
        row("array", "PENDING", index=number, reason=reason) for number, reason in enumerate(["Priority", "Dependency", "Held"])
    ]
    assert standing(tmp_path, "ac", tasks, Answers(rows)).reasons == ("Priority",)


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
