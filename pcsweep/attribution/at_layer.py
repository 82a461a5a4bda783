"""A head at one of its layers: what it returns there, and the logits as a function of that.

No hook outlives a call, and no `.grad` is left on a parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Taken:
    """One pass of a head.

    Args:
        activation: A, the representation or what the layer returned; a leaf of autograd's graph, from which `logits` follow.
        logits: (rows, classes).
        runs: how often the layer ran; A is what it returned the last time.
    """

    activation: Tensor
    logits: Tensor
    runs: int


def at_layer(head: nn.Module, representation: Tensor, layer: str | None) -> Taken:
    """Runs a head, with autograd from a layer on.

    Args:
        head: from the last representation to logits.
        representation: (rows, channels, height, width); is not changed, even by a head that begins in place.
        layer: name of a module of the head; `None` for the representation itself.
    """
    leaves: list[Tensor] = []

    def noted(output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_())
        return leaves[-1].clone()  # what follows may write over it

    with torch.enable_grad():
        given = noted(representation) if layer is None else representation.detach().clone()
        logits: Tensor = head(given) if layer is None else _replacing(head, layer, given, noted)
    return Taken(leaves[-1], logits, len(leaves))


def gradient_of(taken: Taken, target: Tensor) -> Tensor:
    """∂y/∂A for the logit y of each row's target class; zero where y does not depend on A. To be called once for each pass."""
    if not taken.logits.requires_grad:
        return torch.zeros_like(taken.activation)
    with torch.enable_grad():
        chosen = taken.logits.gather(1, target[:, None]).sum()  # a row's logit depends on its own A alone
    (gradient,) = torch.autograd.grad(chosen, taken.activation, materialize_grads=True)
    return gradient


def above_layer(head: nn.Module, representation: Tensor, layer: str | None, activation: Tensor, run: int) -> Tensor:
    """The logits, (rows, classes), of a head whose layer is made to return another activation in its run of that number."""
    if layer is None:
        return head(activation.clone())  # type: ignore[no-any-return]
    runs = 0

    def replaced(output: Tensor) -> Tensor:
        nonlocal runs
        runs += 1
        return activation.to(output.dtype, copy=True) if runs == run else output

    return _replacing(head, layer, representation.clone(), replaced)


def single(values: Tensor) -> Tensor:
    """In single precision at least, which autocast's results are not."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _replacing(head: nn.Module, layer: str, representation: Tensor, replace: Callable[[Tensor], Tensor]) -> Tensor:
    """The logits of a head in which something else goes on from a layer than what the layer returns."""

    def hook(_module: nn.Module, _given: Any, output: Tensor) -> Tensor:
        return replace(output)

    handle = head.get_submodule(layer).register_forward_hook(hook)
    try:
        logits: Tensor = head(representation)
    finally:
        handle.remove()
    return logits
