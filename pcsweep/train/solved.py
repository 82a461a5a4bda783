"""Predictors solved instead of trained: the closed form of `pcsweep.train.least_squares`, fed by the streams of a training."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from pcsweep.config.errors import BadSetting
from pcsweep.console.progress import Advance, progress
from pcsweep.machine.device import computing_in, device_of
from pcsweep.noise import generator_for
from pcsweep.train.explained import Explained
from pcsweep.train.images import Stream, loader, noisy
from pcsweep.train.learned import Learned, Streams
from pcsweep.train.least_squares import Pair, fit
from pcsweep.train.order import Rounds
from pcsweep.train.recipe import TrainingOptions
from pcsweep.train.standing import Best

_HELD_OUT = "held out, "  # begins the names by which their noise is seeded


def solve(learned: Learned, streams: Streams, options: TrainingOptions) -> Best | None:
    """Gives the predictors their solution, from one pass over the images; what it explains of held-out ones, if there are any.

    With noise, representations are of noisy images, and those of the clean ones are to be predicted.

    Raises:
        BadSetting: images that cannot be read.
        ValueError: predictors without a closed form, or too large for the memory.
    """
    device, recipe, network = device_of(options.device), learned.feedback, learned.model.network
    network.to(device).eval()
    normalise: Callable[[Tensor], Tensor] = learned.model.normalize

    def pairs(stream: Stream, named: str, advance: Advance) -> Iterator[Pair]:
        clean = Stream(stream.source, stream.indices.tolist(), replace(stream.changes, noise=0.0), stream.replacing)
        place = 0
        for batch in loader(clean, Rounds(len(clean), recipe.batch_size), streams.workers, device.type == "cuda"):
            if batch.problem:
                raise BadSetting(batch.problem)
            targets = normalise(batch.images.to(device))  # (images, 3, height, width)
            inputs = targets
            if recipe.noise:
                numbered = enumerate(batch.images, start=place)
                seeded = ((image, generator_for(f"{named}{number}", options.seed)) for number, image in numbered)
                inputs = normalise(torch.stack([noisy(image, recipe.noise, seed) for image, seed in seeded]).to(device))
            yield inputs, targets
            place += len(batch.images)
            advance(len(batch.images))

    with computing_in("fp32", device):
        with progress("closed form", len(streams.train), "images") as advance:
            positions = generator_for("positions", options.seed)
            fit(network, pairs(streams.train, "", advance), ridge=recipe.ridge, positions=recipe.positions, generator=positions)
        if streams.held_out is None:
            return None
        explained = Explained(network)
        with progress("held-out images", len(streams.held_out), "images") as advance:
            for inputs, targets in pairs(streams.held_out, _HELD_OUT, advance):
                explained.add(inputs, targets=targets)
    measured = explained.result()
    tensors = {f"network.{name}": tensor.detach().cpu().clone() for name, tensor in learned.weights().items()}
    return Best(sum(error for error, _ in measured), 0, tensors, measured)
