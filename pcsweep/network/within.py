"""One timestep from the lowest pcoder up, for derivatives: how the logits at t depend on every r_n(t).

Within timestep t, r_n(t) follows from r_{n-1}(t) by the drive f_n(r_{n-1}(t)), and from r(t-1), which is taken for a constant. So
∂logits(t)/∂r_n(t) goes through the drives of all pcoders above, each with what its update rule makes of it (β_m of predictive
coding), and through the head. One backward pass gives the derivative for every level.

*What this is not:* the derivative through time. What r_n(t) does to the logits of later timesteps is no part of a map at t, and
what an earlier r_n(s) did to those at t is in the values alone. At t = 0 it is the feedforward network's derivative.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

if TYPE_CHECKING:
    from pcsweep.network.engine.run import Moment

Upward = Callable[[int, Tensor, slice], Tensor]  # r_n(t) of some rows of all points from the number n and f_n(r_{n-1}(t))


def rows_of(tensor: Tensor, rows: slice, images: int, total: int) -> Tensor:
    """Some of all rows, which lie within one point, of what has a row each, or one per image that all points share."""
    if len(tensor) == total:
        return tensor[rows]
    first = rows.start % images
    return tensor[first : first + rows.stop - rows.start]


def from_drive(_n: int, drive: Tensor, _rows: slice) -> Tensor:
    """The feedforward network's r_n: the drive itself."""
    return drive


def shifted(value: Tensor, moving: Tensor) -> Tensor:
    """A value that is known, with the derivative of what else it would be computed from."""
    return value.detach() + (moving - moving.detach())


def derivatives(
    stages: Iterable[nn.Module],
    head: nn.Module,
    moment: "Moment",
    target: Int[Tensor, " total"],
    rows: slice,
) -> tuple[list[Float[Tensor, "rows ..."]], list[Float[Tensor, "rows ..."]]]:
    """r_1(t)..r_N(t) of some rows, and the derivatives of the target's logit at t by each of them.

    Args:
        stages: f_1..f_N.
        head: from r_N to logits.
        moment: of the dynamics, before the next one is asked for.
        target: class index of every row of every point of the moment.
        rows: which of them, within one point.
    """
    assert moment.upward is not None  # as `PredictiveNetwork.moments` gives it
    total = len(moment.points) * moment.images
    with torch.enable_grad():
        lowest = rows_of(moment.representations[0], rows, moment.images, total).detach().clone().requires_grad_()
        found = [lowest]
        for n, stage in enumerate(islice(stages, 1, None), start=2):
            drive = stage(found[-1].clone()).to(lowest.dtype)  # a copy, since a stage may begin in place
            found.append(moment.upward(n, drive, rows))
        logits: Tensor = head(found[-1].clone())
        chosen = logits.gather(1, target[rows, None]).sum()
        gradients = torch.autograd.grad(chosen, found, allow_unused=True)
    known = [torch.zeros_like(r) if g is None else g for r, g in zip(found, gradients, strict=True)]
    return [r.detach() for r in found], known
