"""Predictors in closed form: the exact minimum of the reconstruction error, from one pass over the images.

A predictor that is one (transposed) convolution, after layers without weights, is linear in its weights: every cell of its
prediction is a weighted sum of a patch of its input. So the weights of the smallest mean squared error solve the normal equations

    (Σ φ φᵀ + ρ I) W = Σ φ yᵀ

with φ the patch that a cell of the prediction is made of and y the cell of the representation below, summed over images and
positions. There is no learning rate and no epoch; the sums are of double precision, and do not grow with the number of images.

With noisy inputs and clean targets (a *denoising* predictor) φ is of the noisy image's representation, and y of the clean one's.
A ReLU at the predictor's end is left out of the solution, which is then a start for descent and not the minimum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from pcsweep.machine.memory import limit
from pcsweep.network import PredictiveNetwork

Convolution = nn.Conv2d | nn.ConvTranspose2d
Pair = tuple[Tensor, Tensor]  # what the representations are of, and what is to be predicted: (images, 3, height, width) each
_SHARE = 2  # the sums take at most one in so many bytes of the memory that there is


@dataclass(frozen=True, eq=False)
class Linear:
    """A predictor's parts: layers without weights, one convolution, and perhaps a ReLU that the solution does not know of."""

    before: nn.Module
    convolution: Convolution

    @property
    def features(self) -> int:
        """How many numbers a cell of the prediction is a weighted sum of, the constant 1 of the bias among them."""
        height, width = self.convolution.kernel_size
        return self.convolution.in_channels * height * width + (self.convolution.bias is not None)


def linear(predictor: nn.Module, name: str) -> Linear:
    """The parts of a predictor.

    Raises:
        ValueError: it is not linear in its weights, or its convolution is in groups; says which predictor.
    """
    layers = [layer for layer in predictor.modules() if not list(layer.children())]
    weighted = [layer for layer in layers if list(layer.parameters())]
    after = layers[layers.index(weighted[0]) + 1 :] if weighted else []
    (convolution,) = weighted if len(weighted) == 1 else (None,)
    if not isinstance(convolution, Convolution) or not all(isinstance(layer, nn.ReLU | nn.Identity) for layer in after):
        kinds = ", ".join(type(layer).__name__ for layer in layers)
        raise ValueError(
            f"Expected the predictor of {name} to be one convolution after layers without weights, whose weights have a closed "
            f"form, but it is {kinds}; train it by recipe=predify."
        )
    if convolution.groups != 1 or convolution.padding_mode != "zeros" or isinstance(convolution.padding, str):
        raise ValueError(f"Expected the predictor of {name} to be a convolution without groups, padded by numbers of zeros.")
    return Linear(nn.Sequential(*layers[: layers.index(convolution)]), convolution)


class NormalEquations:
    """Σ φ φᵀ and Σ φ yᵀ of one predictor.

    Args:
        of: the predictor's parts.
        device: where the sums are.
    """

    def __init__(self, of: Linear, device: torch.device) -> None:
        self.of = of
        self.gram = torch.zeros(of.features, of.features, dtype=torch.float64, device=device)
        self.moment = torch.zeros(of.features, of.convolution.out_channels, dtype=torch.float64, device=device)
        self.count = 0

    def add(
        self,
        representation: Float[Tensor, "images channels height width"],
        below: Float[Tensor, "images channels_below height_below width_below"],
        positions: Int[Tensor, "images positions"],
    ) -> None:
        """Adds some cells of the prediction of some images.

        Args:
            representation: r_n.
            below: r_{n-1}, which is to be predicted.
            positions: of each image, cells of `below`, row by row.
        """
        phi = (
            patches(self.of, representation, below.shape[-1], positions).flatten(0, 1).double()
        )  # (images · positions, features)
        y = below.flatten(2).gather(2, positions[:, None].expand(-1, below.shape[1], -1))  # (images, channels_below, positions)
        y = y.transpose(1, 2).flatten(0, 1).double()  # (images · positions, channels_below)
        self.gram.addmm_(phi.T, phi)
        self.moment.addmm_(phi.T, y)
        self.count += len(phi)

    def solve(self, ridge: float) -> Float[Tensor, "features channels_below"]:
        """The weights of the smallest squared error plus `ridge`, in units of the mean of the diagonal, times their squares.

        Where the equations do not determine the weights, those of the smallest norm. The bias is not held back.

        Raises:
            ValueError: nothing was added.
        """
        if not self.count:
            raise ValueError("Expected images to learn from, but there are none.")
        gram = self.gram.clone()
        held = len(gram) - (self.of.convolution.bias is not None)
        gram.diagonal()[:held] += ridge * gram.diagonal()[:held].mean()
        factor, failed = torch.linalg.cholesky_ex(gram)
        if not failed:
            found: Tensor = torch.cholesky_solve(self.moment, factor)
            if found.isfinite().all():
                return found
        inverse: Tensor = torch.linalg.pinv(gram, hermitian=True)
        return inverse @ self.moment

    def fill(self, ridge: float) -> None:
        """Gives the solution to the predictor's convolution."""
        convolution, found = self.of.convolution, self.solve(ridge)
        height, width = convolution.kernel_size
        held = convolution.in_channels * height * width
        kernel = found[:held].T.reshape(-1, convolution.in_channels, height, width)  # (out, in, height, width), of a correlation
        if isinstance(convolution, nn.ConvTranspose2d):
            kernel = kernel.flip(2, 3).transpose(0, 1)  # (in, out, height, width)
        with torch.no_grad():
            convolution.weight.copy_(kernel)
            if convolution.bias is not None:
                convolution.bias.copy_(found[held])


def patches(
    of: Linear, representation: Float[Tensor, "images channels height width"], width_below: int, positions: Tensor
) -> Float[Tensor, "images positions features"]:
    """φ of some cells of the prediction: a (transposed) convolution is the product of these with its weights."""
    convolution = of.convolution
    taps = [torch.arange(size, device=representation.device) * step for size, step in _pairs(convolution)]
    padded, stride = _padded(convolution, of.before(representation))  # (images, channels, height + …, width + …)
    rows = (positions // width_below * stride[0])[..., None] + taps[0]  # (images, positions, taps)
    columns = (positions % width_below * stride[1])[..., None] + taps[1]
    image = torch.arange(len(padded), device=padded.device)[:, None, None, None]
    found = padded.permute(0, 2, 3, 1)[
        image, rows[..., :, None], columns[..., None, :]
    ]  # (images, positions, taps, taps, channels)
    found = found.permute(0, 1, 4, 2, 3).flatten(2)  # (images, positions, channels · taps · taps)
    if convolution.bias is None:
        return found
    return torch.cat([found, found.new_ones(*found.shape[:2], 1)], dim=2)


def _pairs(convolution: Convolution) -> list[tuple[int, int]]:
    """Size of the kernel and its dilation, by dimension."""
    return list(zip(convolution.kernel_size, convolution.dilation, strict=True))


def _padded(convolution: Convolution, given: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """The map that the kernel slides over, and the kernel's step from one cell to the next, vertical and horizontal.

    For a transposed convolution, zeros lie between the cells of what is given, and the step is one.
    """
    reach = [step * (size - 1) for size, step in _pairs(convolution)]
    pads = [int(pad) for pad in convolution.padding]
    if isinstance(convolution, nn.Conv2d):
        return functional.pad(given, (pads[1], pads[1], pads[0], pads[0])), (convolution.stride[0], convolution.stride[1])
    high, wide = ((size - 1) * step + 1 for size, step in zip(given.shape[2:], convolution.stride, strict=True))
    spread = given.new_zeros(*given.shape[:2], high, wide)
    spread[:, :, :: convolution.stride[0], :: convolution.stride[1]] = given
    before = [each - pad for each, pad in zip(reach, pads, strict=True)]
    after = [each + int(more) for each, more in zip(before, convolution.output_padding, strict=True)]
    return functional.pad(spread, (before[1], after[1], before[0], after[0])), (1, 1)


@torch.no_grad()
def fit(
    network: PredictiveNetwork, pairs: Iterable[Pair], *, ridge: float, positions: int, generator: torch.Generator
) -> list[NormalEquations]:
    """Gives every predictor of a network the weights of the smallest reconstruction error at t = 0.

    Args:
        network: changed in place; only its predictors.
        pairs: batches of images: of which the representations are, and whose representations are to be predicted. Both are the
            same unless predictors are to denoise.
        ridge: see `NormalEquations.solve`.
        positions: cells of each image that are summed over, drawn without putting back; all where there are no more.
        generator: of the positions, on the CPU.

    Returns:
        The sums, pcoder by pcoder.

    Raises:
        ValueError: a predictor without a closed form, sums that would take too much memory, or no image.
    """
    parts = [linear(predictor, name) for predictor, name in zip(network.predictors, network.modules_cut, strict=True)]
    _check_memory(parts, network.modules_cut)
    device = next(network.parameters()).device
    sums = [NormalEquations(of, device) for of in parts]
    for inputs, targets in pairs:
        given = network.feedforward(inputs)
        wanted = given if targets is inputs else network.feedforward(targets)
        for equations, representation, below in zip(sums, given, [targets, *wanted], strict=False):
            equations.add(representation, below, _drawn(below, positions, generator))
    for equations in sums:
        equations.fill(ridge)
    return sums


def _drawn(below: Tensor, count: int, generator: torch.Generator) -> Int[Tensor, "images positions"]:
    """Different cells of each image."""
    cells = below.shape[2] * below.shape[3]
    if count >= cells:
        return torch.arange(cells, device=below.device).expand(len(below), -1)
    order = torch.rand(len(below), cells, generator=generator).argsort(1)[:, :count]
    return order.to(below.device)


def _check_memory(parts: Sequence[Linear], names: Sequence[str]) -> None:
    needed = [8 * of.features**2 for of in parts]
    if sum(needed) > limit() // _SHARE:
        largest = max(range(len(parts)), key=needed.__getitem__)
        raise ValueError(
            f"Expected predictors whose normal equations fit into half of the memory ({limit() / 2**31:.1f} GiB), but they take "
            f"{sum(needed) / 2**30:.1f} GiB, {needed[largest] / 2**30:.1f} GiB of them that of {names[largest]!r}; train it by "
            "recipe=predify."
        )
