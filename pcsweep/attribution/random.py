"""A random map of the size of the last representation: a baseline that looks at nothing."""

import hashlib
from typing import Annotated

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor


def random(
    image: Float[Tensor, "rows 3 height width"],
    representation: Float[Tensor, "rows channels map_height map_width"],
    *,
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0,
) -> Float[Tensor, "rows map_height map_width"]:
    """Uniform in [0, 1), cell by cell; the same at every timestep and every grid point that sees the same noisy image.

    Args:
        image: whose content, with `seed`, seeds its map.
        representation: whose height and width are the map's.
        seed: another one draws other maps.
    """
    height, width = representation.shape[2:]
    return torch.stack([torch.rand(height, width, generator=_generator(each, seed)) for each in image.cpu()]).to(image.device)


def _generator(image: Tensor, seed: int) -> torch.Generator:
    content = hashlib.sha256(image.float().contiguous().numpy().tobytes() + seed.to_bytes(8, "little")).digest()
    return torch.Generator().manual_seed(int.from_bytes(content[:7], "little"))
