"""How much memory a point is given that was lost for want of it, and how often it is tried again."""

from dataclasses import replace

import pytest

from pcsweep.study import submissions
from pcsweep.study.submitted import tasks
from pcsweep.sweep.executor.protocol import Resources
from pcsweep.sweep.memory import needed, to_try_again
from pcsweep.sweep.settings import LauncherSettings
from pcsweep.sweep.standing import Standing

SETTINGS = LauncherSettings(
    "slurm", True, False, 8, "auto", 30.0, "auto", 64, 3, 240, "", None, Resources(), given={"mem_gb": 16}
)
OOM, OTHER = "srun: error: n1: task 0: Out Of Memory\n", "srun: error: n1: task 0: Killed\n"


@pytest.fixture
def lose(tmp_path):
    """Notes that a task of these points has ended with that in its log; gives the newest task of each point."""
    newest = {}

    def lost(points, log):
        known = submissions.read_all(tmp_path)
        made = submissions.new(tmp_path, [list(points)], [1], "", known)
        made = submissions.with_jobs(made, [str(len(known))])
        (task,) = tasks([made])
        task.log.write_text(log)
        newest.update(dict.fromkeys(points, task))
        return newest

    return lost


def test_each_task_that_was_lost_for_it_doubles_the_memory_up_to_the_most(lose, tmp_path):
    lost = lose("ab", OTHER)
    assert needed(tmp_path, lost, SETTINGS) == {}
    for expected in (32, 64, 64):
        lost = lose("a", OOM)
        assert needed(tmp_path, lost, SETTINGS) == {"a": expected}
    assert needed(tmp_path, lost, replace(SETTINGS, max_mem_gb=20)) == {"a": 20}
    assert needed(tmp_path, lost, replace(SETTINGS, given={"mem_gb": None})) == {}


def test_a_point_is_tried_again_as_long_as_it_gets_more_than_it_had(lose, tmp_path):
    def again(lost, settings=SETTINGS):
        return set(to_try_again(tmp_path, Standing(frozenset(), lost=lost), settings))

    assert again(lose("ab", OTHER)) == set()
    assert again(lose("abc", OOM)) == set("abc")
    assert again(lose("c", OTHER)) == set("ab")  # whatever it was, it was not memory
    assert again(lose("a", OOM)) == set("ab")
    assert again(lose("a", OOM)) == {"b"}  # with 64 GB
    assert again(lose("a", OOM), replace(SETTINGS, max_mem_gb=999)) == {"a", "b"}
    assert again(lose("a", OOM), replace(SETTINGS, max_mem_gb=999)) == {"b"}  # five times
    nothing = replace(SETTINGS, given={"mem_gb": None})
    assert again(lose("de", OOM), nothing) == set("bde")  # in smaller tasks
    assert again(lose("d", OOM), nothing) == set("be")
