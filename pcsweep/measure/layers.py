"""Maps and metrics at every pcoder, of one moment of the dynamics."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from pcsweep.attribution.every_layer import Levels, LevelScene
from pcsweep.machine.transfer import to_device
from pcsweep.metric import TABLE
from pcsweep.metric.row import Scored
from pcsweep.network import PredictiveNetwork
from pcsweep.network.engine.arrays import slices
from pcsweep.network.engine.run import ROWS, Moment


def unshared(moment: Moment) -> Moment:
    """With a row of r_N(t) for each image of each point, also where it has not moved since t = 0.

    The derivatives depend on the point even there: on its β.
    """
    if not moment.shared or moment.timestep == 0:
        return moment
    last = moment.representations[-1]
    repeated = last.repeat(len(moment.points), *[1] * (last.ndim - 1))
    return replace(moment, representations=[*moment.representations[:-1], repeated])


def maps_at_layers(
    network: PredictiveNetwork, moment: Moment, target: Tensor, images: Tensor, attribution: Callable[[LevelScene], Tensor]
) -> list[Tensor]:
    """The maps at pcoders 1..N, each (rows, map height, map width), `ROWS` rows at a time, whatever their company.

    Args:
        network: whose moment it is.
        moment: from `unshared`.
        target: class index of each of its rows.
        images: the noisy, normalised images.
        attribution: makes maps at one pcoder.
    """
    parts: list[list[Tensor]] = []
    for rows in slices(0, len(target), ROWS):
        numbers = torch.arange(rows.start, rows.stop)
        levels = Levels(network.within(moment, numbers), target[rows], images[to_device(numbers % len(images), images.device)])
        parts.append([attribution(scene).detach().float() for scene in levels.scenes])
    return [torch.cat(each) for each in zip(*parts, strict=True)]


def measured_at_layers(each: Sequence[Scored], metrics: Collection[str]) -> dict[str, Tensor]:
    """By metric that has a value per image, (rows, layers); none of those that ask the network about other images.

    Args:
        each: what metrics are computed from, of the maps at every pcoder.
        metrics: that are asked for.
    """
    named = {name: row.measured for name, row in TABLE.items() if name in metrics and row.measured and not row.variants}
    return {name: torch.stack([measured(scored) for scored in each], dim=1) for name, measured in named.items()}
