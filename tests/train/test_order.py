"""The order of images: every image once an epoch, the same steps on any number of devices, going on at any step."""

import pytest

from pcsweep.train.order import Order, Rounds, Steps


def images_of_steps(order, epoch=0, first=0):
    """The images of every step with their weights, of all devices together."""
    parts = [list(Steps(order, epoch, first, rank)) for rank in range(order.processes)]
    assert {len(each) for each in parts} == {len(Steps(order, epoch, first, 0))}
    steps = []
    for step in range(order.steps - first):
        mine = [part for each in parts for part in each[step * order.accumulate : (step + 1) * order.accumulate]]
        assert sum(part.share for part in mine) == pytest.approx(1)
        steps.append(sorted(place for part in mine if part.share for place in part.places))
    return steps


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("count", [1, 7, 24, 29, 47, 48])
def test_devices_and_accumulated_batches_share_the_steps_of_one_device(count, drop_last):
    one = images_of_steps(Order(count, 24, drop_last=drop_last, name="x"))
    for processes, accumulate in ((2, 1), (1, 3), (2, 3), (4, 2)):
        batch = 24 // processes // accumulate
        order = Order(count, batch, processes, accumulate, drop_last, name="x")
        assert images_of_steps(order) == one
    assert sorted(sum(one, [])) == list(range(count)) or (drop_last and count > 24)


def test_an_epoch_goes_on_at_any_step_and_each_has_an_order_of_its_own():
    order = Order(50, 8, drop_last=False, seed=3, name="feedback")
    whole = [part.places for part in Steps(order, 2, 0, 0)]
    for step in range(order.steps):
        assert [part.places for part in Steps(order, 2, step, 0)] == whole[step:]
    others = [Order(50, 8, drop_last=False, seed=4, name="feedback"), Order(50, 8, drop_last=False, seed=3, name="backbone")]
    assert all([part.places for part in Steps(other, 2, 0, 0)] != whole for other in others)
    assert [part.places for part in Steps(order, 1, 0, 0)] != whole


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_what_is_measured_is_measured_once(processes):
    parts = [list(Rounds(20, 3, processes, rank)) for rank in range(processes)]
    assert {len(each) for each in parts} == {len(Rounds(20, 3, processes))}
    assert sorted(place for each in parts for part in each if part.share for place in part.places) == list(range(20))
    assert sum(part.share for each in parts for part in each) == pytest.approx(1)
