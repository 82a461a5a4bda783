"""A predictor P_n as the dynamics use it: its prediction, and the gradient of its error without autograd.

For P_n = [ReLU ∘] transposed convolution T, the error E = ½ Σ (p - r_{n-1})² has the gradient

    ∂E/∂r_n = T*( (p_n - r_{n-1}) · [p_n > 0] )

with the adjoint T*, and without the bracket where there is no ReLU. Other predictors are differentiated by autograd.
"""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from pcsweep.network.convolution.choice import Algorithm
from pcsweep.network.convolution.native.layer import NativeSpectral
from pcsweep.network.convolution.native.narrow import NativeNarrow
from pcsweep.network.convolution.spectral import Spectral
from pcsweep.network.convolution.workspace import Workspace


@runtime_checkable
class Predictor(Protocol):
    """P_n as the dynamics use it, on maps (batch, channel, height, width)."""

    def predict(self, representation: Tensor) -> Tensor:
        """p_n, which may be overwritten by the next call."""

    def predict_and_differentiate(self, representation: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        """p_n and the gradient of ½ Σ (p_n - below)² with respect to r_n; both may be overwritten by the next call."""


def transposed_convolution(predictor: nn.Module) -> tuple[nn.ConvTranspose2d, bool] | None:
    """The layer of a predictor that has a closed form, and whether a ReLU follows; `None` for any other predictor."""
    layers = [layer for layer in _flattened(predictor) if not is_plain(layer, nn.Identity)]
    if len(layers) not in (1, 2):
        return None
    convolution, rectified = layers[0], len(layers) == 2
    if not is_plain(convolution, nn.ConvTranspose2d) or (rectified and not is_plain(layers[1], nn.ReLU)):
        return None
    assert isinstance(convolution, nn.ConvTranspose2d)  # it is plain
    return convolution, rectified


def is_plain(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module is of that very class and no hook (such as one that normalises weights) changes what it computes."""
    return type(module) is kind and not module._forward_hooks and not module._forward_pre_hooks


def _flattened(module: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(module, nn.Sequential) or not is_plain(module, nn.Sequential):
        yield module
        return
    for child in module:
        yield from _flattened(child)


class ClosedForm:
    """A transposed convolution, with a ReLU or without.

    Args:
        algorithm: that computes the layer.
        bias: of the layer, (below,).
        rectified: whether a ReLU follows.
        workspace: for what is needed during a call only.
    """

    def __init__(self, algorithm: Algorithm, bias: Tensor | None, rectified: bool, workspace: Workspace) -> None:
        self.algorithm, self.bias, self.rectified, self._workspace = algorithm, bias, rectified, workspace

    def predict(self, representation: Tensor) -> Tensor:
        if isinstance(self.algorithm, NativeSpectral | NativeNarrow):
            return self.algorithm.forward(representation, self.bias, self.rectified)
        prediction = self.algorithm.forward(representation, self.bias).to(representation.dtype)  # autocast may have rounded it
        return prediction.relu_() if self.rectified else prediction

    def predict_and_differentiate(self, representation: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        prediction = self.predict(representation)
        if isinstance(self.algorithm, NativeSpectral):
            return prediction, self.algorithm.adjoint_of_error(prediction, below, self.rectified)
        if isinstance(self.algorithm, Spectral):  # the error in the order of memory that its adjoint wants: no copy
            error = self._error(self.algorithm.cells(prediction), self.algorithm.cells(below))  # (batch, cells, phases, below)
            return prediction, self.algorithm.adjoint_of_cells(error)
        channels_last = (tensor.permute(0, 2, 3, 1) for tensor in (prediction, below))
        error = self._error(*channels_last).permute(0, 3, 1, 2)  # (batch, below, height, width)
        return prediction, self.algorithm.adjoint(error).to(below.dtype)

    def _error(self, prediction: Tensor, below: Tensor) -> Tensor:
        """(p - r_{n-1}) · [p > 0], contiguous."""
        error = self._workspace.take("error", below.shape, below)
        torch.sub(prediction, below, out=error)
        if self.rectified:
            torch.ops.aten.threshold_backward(error, prediction, 0, grad_input=error)
        return error


class Differentiated:
    """Any predictor, by autograd.

    Args:
        module: P_n.
        shape: of one image's r_{n-1}.
        name: of the module that is r_n.
    """

    def __init__(self, module: nn.Module, shape: torch.Size, name: str) -> None:
        self.module, self.shape, self.name = module, shape, name

    def predict(self, representation: Tensor) -> Tensor:
        """p_n.

        Raises:
            ValueError: it has another shape than r_{n-1}.
        """
        # Of a copy, since a predictor's first layer may write into its input.
        prediction: Tensor = self.module(representation.clone()).to(representation.dtype)
        if prediction.shape[1:] != self.shape:
            raise ValueError(
                f"Expected the predictor on {self.name!r} to return {tuple(self.shape)}, the shape of the representation below "
                f"it, but got {tuple(prediction.shape[1:])}."
            )
        return prediction

    def predict_and_differentiate(self, representation: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            leaf = representation.detach().requires_grad_()
            variable = leaf.view_as(leaf)  # torch cannot count the operations of a gradient with respect to a leaf
            prediction = self.predict(variable)
            (gradient,) = torch.autograd.grad((prediction - below).square().sum() / 2, variable)
        return prediction.detach(), gradient
