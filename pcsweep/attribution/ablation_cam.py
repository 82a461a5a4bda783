"""Ablation-CAM (Desai and Ramaswamy, 2020, "Ablation-CAM: Visual explanations for deep convolutional network via gradient-free
localization", WACV).

A channel's weight is the share of the logit that is lost without it. That takes a pass of the head for every channel.

*How we deviate from the paper:* the weight is a share of a logit, and means nothing where the logit is not positive: there the
map is NaN. A channel that is 0 in every cell loses nothing and is not tried.

*From the package grad-cam:* it divides by a negative logit as well, which turns every weight's sign around, and takes a channel
away by setting it to minimum - 1e7 where activations may be negative; here, as in the paper, it is set to 0.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pcsweep.console.progress import progress

_MOST = 64  # variants at once
_ELEMENTS = 2**24  # of activations at once, at most, unless one has more


def passes(channels: int) -> int:
    """Forward passes of the head that one map takes, at most."""
    return channels + 1


PASSES = passes


def ablation_cam(
    activation: Float[Tensor, "rows channels map_height map_width"],
    target: Int[Tensor, " rows"],
    above: Callable[[Tensor, Tensor], Tensor],
) -> Float[Tensor, "rows map_height map_width"]:
    """ReLU(Σ_k w_k A_k), w_k = (y - y_k) / y, y_k the target class's logit without channel k; NaN where y ≤ 0.

    Image by image, in chunks of bounded size: a map depends on no other row, to the bit.

    Args:
        activation: A.
        target: class index of each row.
        above: the logits of other activations, and the rows that they are of.
    """
    maps = []
    with torch.no_grad(), progress("Ablation-CAM", len(activation), "maps") as advance:
        for row in range(len(activation)):
            alive = activation[row].flatten(1).any(1).nonzero()[:, 0]  # (tried,)
            logits = _without(activation[row], alive, partial(_logit, above, row, target[row]))
            weight = (logits[0] - logits[1:]) / logits[0]
            found = (weight[:, None, None] * activation[row, alive]).sum(0).relu()
            maps.append(torch.where(logits[0] > 0, found, math.nan))
            advance(1)
    return torch.stack(maps)


def _logit(above: Callable[[Tensor, Tensor], Tensor], row: int, target: Tensor, variants: Tensor) -> Float[Tensor, " variants"]:
    """The target's logit of activations that are all of one row."""
    rows = torch.full((len(variants),), row, device=variants.device)
    return above(variants, rows).index_select(1, target.reshape(1))[:, 0].to(variants.dtype)


def _without(activation: Tensor, channels: Tensor, logit: Callable[[Tensor], Tensor]) -> Float[Tensor, " variants"]:
    """The logit of one activation (channels, height, width) as it is, then without each of these channels."""
    asked = torch.cat([channels.new_full((1,), -1), channels])
    numbers = torch.arange(len(activation), device=activation.device)
    size = max(1, min(_MOST, _ELEMENTS // activation.numel()))
    found = []
    for start in range(0, len(asked), size):
        chunk = asked[start : start + size]
        taken = chunk[:, None] == numbers  # (variants, channels)
        found.append(logit(activation.repeat(len(chunk), 1, 1, 1).masked_fill_(taken[:, :, None, None], 0)))
    return torch.cat(found)
