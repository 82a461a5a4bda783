"""Eigen-CAM (Muhammad and Yeasin, 2020, "Eigen-CAM: Class activation map using principal components", IJCNN).

The map is what the activations have most in common: their projection on the first right singular vector of the matrix
(cells, channels). It needs no gradient and knows nothing of a class.

*How we deviate from the paper:* a singular vector's sign is arbitrary, so that the paper's map is defined up to its sign. Here
the sign is the one with the larger positive mass, and what is negative then is cut off, since metrics want nothing below 0.
Where the two largest singular values are equal, any combination of their vectors would do, and the library's is taken.

*From the package grad-cam:* it subtracts every channel's mean first, which the paper does not, and takes whatever sign the
library returns. With `centred` the means are subtracted here, too; both signs then have the same mass, and the one with the
larger maximum is taken.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def eigen_cam(
    activation: Float[Tensor, "rows channels map_height map_width"], *, centred: bool = False
) -> Float[Tensor, "rows map_height map_width"]:
    """The projection of each cell's activations, image by image, in double precision.

    Args:
        activation: A.
        centred: whether every channel's mean is subtracted first.

    >>> eigen_cam(torch.tensor([[[[3.0, 0.0]], [[4.0, 0.0]]]]))  # one cell of norm 5
    tensor([[[5., 0.]]])
    """
    return torch.stack([_projection(each, centred) for each in activation])


def _projection(activation: Float[Tensor, "channels map_height map_width"], centred: bool) -> Tensor:
    cells = activation.double().flatten(1).T.contiguous()  # (cells, channels)
    if centred:
        cells = cells - cells.mean(0)
    finite = cells.isfinite().all()  # not asked for here: a GPU would have to be waited for
    projected = _along_first(cells.where(finite, 0))
    up, down = (projected.relu(), (-projected).relu())
    upright = up.max() >= down.max() if centred else up.sum() >= down.sum()
    return torch.where(upright, up, down).where(finite, torch.nan).to(activation.dtype).reshape(activation.shape[1:])


def _along_first(cells: Float[Tensor, "cells channels"]) -> Float[Tensor, " cells"]:
    """σ₁ u₁ = M v₁ of the matrix M, by the eigenvectors of whichever of M Mᵀ and Mᵀ M is smaller."""
    wide = len(cells) <= cells.shape[1]
    values, vectors = torch.linalg.eigh(cells @ cells.T if wide else cells.T @ cells)  # ascending
    last: Tensor = vectors[:, -1]
    return last * values[-1].clamp(min=0).sqrt() if wide else cells @ last
