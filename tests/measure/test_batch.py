"""Batches on their way to a device, and noise that is drawn while the timestep before is computed."""

import threading
from contextlib import nullcontext
from unittest.mock import MagicMock, patch

import pytest
import torch
from fake_gpu import fake_gpu

from pcsweep.dataset import Sample
from pcsweep.machine.transfer import Sender, Sent
from pcsweep.measure.batch import Batch, OneAhead, batch

CPU = torch.device("cpu")
NO_MASK = torch.zeros(4, 4, dtype=torch.bool)
SAMPLES = [Sample(str(number), torch.full((3, 4, 4), number / 10), NO_MASK, NO_MASK, number, "") for number in range(3)]


def made(anew=True):
    return batch(SAMPLES, lambda sample: sample.image, (lambda sample, timestep: sample.image + timestep) if anew else None)


def test_on_a_cpu_images_are_where_they_were():
    given = made()
    on_its_way = given.on_its_way(Sender(CPU))
    stimulus = on_its_way.stimulus(CPU, 3)
    assert stimulus.images is given.noisy
    for timestep in (1, 2, 3, 1):
        assert torch.equal(stimulus.at(timestep), given.stimulus(CPU).at(timestep))
        assert stimulus.at(timestep) is stimulus.at(timestep)  # drawn once
    assert made(anew=False).on_its_way(Sender(CPU)).stimulus(CPU).stays


def test_it_is_said_which_images_are_copies():
    for given in (made(), made(anew=False), made().on_its_way(Sender(CPU))):
        stimulus = given.stimulus(CPU, 3)
        assert (stimulus.count, len(stimulus.images)) == (3, 8)
        for timestep in range(4):
            images = stimulus.at(timestep)
            assert torch.equal(images[3:], images[2:3].expand(5, -1, -1, -1))


def test_to_a_gpu_they_go_on_a_stream_that_the_computing_one_waits_for():
    side, computing = MagicMock(), MagicMock()
    with (
        fake_gpu() as watched,
        patch("torch.cuda.Stream", return_value=side),
        patch("torch.cuda.stream", side_effect=lambda _: nullcontext()) as switched,
        patch("torch.cuda.current_stream", return_value=computing),
        patch("torch.Tensor.record_stream") as recorded,
    ):
        cuda = torch.device("cuda")
        given = Batch([], torch.zeros(8, 3, 4, 4), lambda timestep: torch.ones(8, 3, 4, 4))
        with watched.strictly() as launched:
            on_its_way = given.on_its_way(Sender(cuda))
            switched.assert_called_once_with(side)
            side.record_event.assert_called_once_with()
            computing.wait_event.assert_not_called()
            images = on_its_way.stimulus(cuda).images
        assert images.device.type == "cuda"
        assert launched == ["_to_copy"]
        computing.wait_event.assert_called_once_with(side.record_event.return_value)
        recorded.assert_called_once_with(computing)
        assert on_its_way.noisy.device == CPU  # for pictures


def test_what_is_there_is_not_waited_for():
    tensor = torch.zeros(2)
    assert Sent(tensor).arrived() is tensor


def test_the_next_timestep_is_made_while_the_last_one_is_used():
    begun = [threading.Event() for _ in range(5)]

    def function(timestep):
        begun[timestep].set()
        return timestep, threading.current_thread() is threading.main_thread()

    coming = OneAhead(function, 3)
    for timestep in (1, 2, 3):
        assert coming(timestep) == (timestep, False)
        if timestep < 3:
            assert begun[timestep + 1].wait(10)
    assert not begun[4].is_set()


def test_another_timestep_than_the_next_is_made_when_it_is_asked_for():
    calls = []
    coming = OneAhead(lambda timestep: calls.append(timestep) or timestep, 3)
    assert [coming(timestep) for timestep in (1, 2, 1, 2, 3, 1)] == [1, 2, 1, 2, 3, 1]
    assert calls[:4] == [1, 2, 3, 1]


def test_an_error_is_raised_when_what_was_not_made_is_asked_for():
    def function(timestep):
        if timestep == 2:
            raise ValueError("cannot be drawn")
        return timestep

    coming = OneAhead(function, 3)
    assert coming(1) == 1
    with pytest.raises(ValueError, match="cannot be drawn"):
        coming(2)
