"""How waiting points become packs and tasks: each once, no more than may, and only what is alike together."""

from collections import Counter

import pytest
from configured import LOADED
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from pcsweep.grid.entry import conf_folder
from pcsweep.grid.plan import Plan, packed, points_from
from pcsweep.study.folder import study_folder
from pcsweep.sweep.compose import Template
from pcsweep.sweep.job import SweepPoint
from pcsweep.sweep.work import _even, folder, identity, label, tasks_of, works

COUNT = 18


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Points of two studies and three noises, in no order."""
    root = tmp_path_factory.mktemp("outputs")
    OmegaConf.register_new_resolver("study_folder", study_folder, replace=True)
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        same = compose("config", ["dataset.limit=2", "timesteps=1", f"output_root={root}"])
    own = [{"pcoder": {"beta": n / 50}, "noise": {"sigma": n % 3 / 10}, "study": "ab"[n % 2]} for n in range(COUNT)]
    configs = [OmegaConf.merge(same, each) for each in own]
    return points_from(configs, range(COUNT), LOADED)


@pytest.fixture(scope="module")
def points(planned):
    template = Template(OmegaConf.create(), frozenset())
    return [SweepPoint(number, (), template, each) for number, each in enumerate(planned)]


def named(tasks):
    return [identity(point) for packs in tasks for pack in packs for point in pack]


def size(packs):
    return sum(map(len, packs))


@settings(deadline=None, derandomize=True)
@given(
    waiting=st.sets(st.integers(0, COUNT - 1)),
    lost=st.dictionaries(st.integers(0, COUNT - 1), st.integers(1, 20)),
    pack=st.integers(1, 9),
    most=st.integers(1, 9),
)
def test_every_waiting_point_is_in_one_task_of_at_most_so_many(planned, points, waiting, lost, pack, most):
    before = {identity(points[number]): count for number, count in lost.items()}
    tasks = tasks_of(Plan(planned, tuple(sorted(waiting)), 0, LOADED), points, pack, lambda name: most, before)
    assert sorted(named(tasks)) == sorted(identity(points[number]) for number in waiting)
    for packs in tasks:
        assert all(packs)
        assert len(packed([point.planned for pack in packs for point in pack], COUNT)) == 1
        counts = {before.get(name) for name in named([packs])}
        assert len(counts) == 1
        (count,) = counts
        assert max(map(len, packs)) <= (pack if count is None else 1)
        assert size(packs) <= (most if count is None else max(1, count // 4))


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 500), st.integers(1, 100), st.integers(1, 20))
def test_tasks_are_about_even_and_of_whole_packs(points, most, pack):
    size = _even(points, most, pack)
    assert 1 <= size <= most
    assert size < pack or size % pack == 0
    if most >= pack:
        assert -(-points // size) <= -(-points // (most // pack * pack))  # as few tasks as whole packs allow
    if pack == 1:
        assert size == -(-points // -(-points // most))


def test_how_many_fit_is_asked_for_a_point_of_each_kind(planned, points):
    fitting = {identity(point): 1 + point.number % 3 for point in points}
    tasks = tasks_of(Plan(planned, tuple(range(COUNT)), 0, LOADED), points, 1, fitting.__getitem__, {})
    kinds = [fitting[identity(packs[0][0])] for packs in tasks]
    assert all(size(packs) <= kind for packs, kind in zip(tasks, kinds, strict=True))
    assert Counter(kinds) == {1: 6, 2: 4, 3: 2}  # of two studies with three points of each kind


@settings(deadline=None, derandomize=True)
@given(st.sets(st.integers(0, COUNT - 1)), st.integers(1, 5))
def test_what_others_compute_is_left_out_and_nothing_else(planned, points, gone, pack):
    tasks = tasks_of(Plan(planned, tuple(range(COUNT)), 0, LOADED), points, pack, lambda name: 2 * pack, {})
    found = works(tasks)
    assert [each.folder.name for each in found] == ["a", "b"]
    names = frozenset(identity(points[number]) for number in gone)
    for each in found:
        own = [point for point in points if folder(point) == each.folder]
        assert each.labels == {identity(point): label(point) for point in own}
        left = each.without(names)
        assert sorted(named(left.tasks)) == sorted({identity(point) for point in own} - names)
        assert all(pack for packs in left.tasks for pack in packs)
        assert all(left.tasks)
        assert left.labels == each.labels
        assert [name for task in left.identities() for name in task] == named(left.tasks)
    assert found[0].without(frozenset()) == found[0]
