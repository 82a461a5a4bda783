"""One timestep from the lowest pcoder up, for derivatives: how the logits at t depend on every r_n(t).

Within timestep t, r_n(t) follows from r_{n-1}(t) by the drive f_n(r_{n-1}(t)), and from r(t-1), which is taken for a constant. So
∂logits(t)/∂r_n(t) goes through the drives of all pcoders above, each with what its update rule makes of it (β_m of predictive
coding), and through the head. One backward pass gives the derivative for every level.

*What this is not:* the derivative through time. What r_n(t) does to the logits of later timesteps is no part of a map at t, and
what an earlier r_n(s) did to those at t is in the values alone. At t = 0 it is the feedforward network's derivative.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@runtime_checkable
class Upward(Protocol):
    """What an update rule makes of a drive within a timestep."""

    def __call__(self, n: int, drive: Tensor, known: Tensor, rows: Tensor, place: int) -> Tensor:
        """r_n(t), which can be differentiated by the drive.

        Args:
            n: number of the pcoder, from 1.
            drive: f_n of an r_{n-1}(t) that may be another than that of the moment.
            known: f_n of that of the moment.
            rows: numbers of the rows among those of all points of the moment, all of one point, on the drive's device.
            place: of that point among those of the moment.
        """


def rows_of(tensor: Tensor, rows: Int[Tensor, " some"], images: int, total: int) -> Tensor:
    """Some of all rows of what has a row for each image of each point, or one per image that all points share."""
    return tensor[rows if len(tensor) == total else rows % images]


def from_drive(n: int, drive: Tensor, known: Tensor, rows: Tensor, place: int) -> Tensor:  # noqa: ARG001
    """The feedforward network's r_n: the drive itself."""
    return drive


@dataclass(frozen=True, eq=False)
class Within:
    """A network at one timestep, of some rows of one grid point.

    Args:
        stages: f_1..f_N.
        head: from r_N to logits.
        representations: r_1(t)..r_N(t) of these rows.
        upward: what the update rule makes of a drive at t.
        rows: numbers of the rows among those of all points, on the representations' device.
        place: of the point among those of the moment.
    """

    stages: Sequence[nn.Module]
    head: nn.Module
    representations: Sequence[Float[Tensor, "some ..."]]
    upward: Upward
    rows: Int[Tensor, " some"]
    place: int

    def above(self, n: int, representation: Tensor, own: Int[Tensor, " others"]) -> Float[Tensor, "others classes"]:
        """The logits at t if r_n(t) were another, everything at t-1 being what it is. It can be differentiated.

        Args:
            n: number of the pcoder, from 1.
            representation: instead of r_n(t), (others, …).
            own: of each, which of these rows it is of, from 0.
        """
        known = {number: drive[own] for number, drive in self._drives.items()}
        *_, last = self._upwards(n, representation, self.rows[own], known)
        return self._logits(last)

    def derivatives(self, target: Int[Tensor, " some"]) -> dict[int, Tensor]:
        """Of the target's logit by r_n(t), by n from 1, from one backward pass.

        Args:
            target: class index of each row.
        """
        with torch.enable_grad():
            lowest = self.representations[0].detach().clone().requires_grad_()
            found = list(self._upwards(1, lowest, self.rows, None))
            chosen = self._logits(found[-1]).gather(1, target[:, None]).sum()
            gradients = torch.autograd.grad(chosen, found, materialize_grads=True)
        return dict(enumerate(gradients, start=1))

    @cached_property
    def _drives(self) -> dict[int, Tensor]:
        """f_n(r_{n-1}(t)) by n, from 2."""
        pairs = zip(self.stages[1:], self.representations, strict=False)
        with torch.no_grad():
            return {n: stage(r.clone()).to(r.dtype) for n, (stage, r) in enumerate(pairs, start=2)}

    def _upwards(self, n: int, representation: Tensor, rows: Tensor, known: Mapping[int, Tensor] | None) -> Iterator[Tensor]:
        """r_n(t), …, r_N(t) from r_n(t).

        Args:
            n: number of the pcoder.
            representation: r_n(t).
            rows: among those of all points.
            known: the drives of the moment itself; None where r_n(t) is its own.
        """
        yield representation
        for number, stage in enumerate(self.stages[n:], start=n + 1):
            drive = stage(representation.clone()).to(representation.dtype)  # a copy, since a stage may begin in place
            representation = self.upward(number, drive, known[number] if known else drive.detach(), rows, self.place)
            yield representation

    def _logits(self, representation: Tensor) -> Tensor:
        logits: Tensor = self.head(representation.clone())
        return logits
