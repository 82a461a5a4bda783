"""Networks whose weights are drawn anew from the top down: whether a map depends on what the network has learned.

Adebayo et al., 2018, "Sanity checks for saliency maps", NeurIPS: cascading randomisation. The head is what follows the last
pcoder's module; then come the stages f_N, f_{N−1}, …, each together with all above it.

*How we deviate from the paper:* a step is all that lies between two pcoders, not a single layer. And weights are not drawn as
before training but with the size that they have: of initial values activations would shrink or grow from layer to layer, until
biases, feedback or rounding drown what is left of the image, and a constant map says nothing of the attribution.
"""

import hashlib
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator
from torch import Tensor

from pcsweep.network import PredictiveNetwork


def _known(value: Any) -> Any:
    if value in (None, "head") or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    raise ValueError("null, head or how many of the topmost stages, 1 or more")


Randomized = Annotated[Literal["head"] | int, BeforeValidator(_known)]


def randomize(network: PredictiveNetwork, name: str, randomized: Randomized, seed: int) -> None:
    """Draws the weights of the head, or of it and of as many of the topmost stages, anew. Predictors stay as they are.

    Weights (parameters of two and more dimensions) are drawn from a normal distribution around 0 with the root mean square that
    they had in each output channel. Other parameters (biases, factors and offsets of normalisation) keep their values in an order
    drawn anew; running statistics stay. The draws of each parameter depend on the seed and on its name in the backbone alone,
    wherever the pcoders are.

    Args:
        network: changed in place; on the CPU.
        name: of the model, for messages.
        randomized: `head`, or the number of stages beside it, from f_N down.
        seed: of the draws.

    Raises:
        ValueError: there are fewer stages, the parts have no parameters, or share them with the stages below.
    """
    count = len(network.stages)
    stages = 0 if randomized == "head" else int(randomized)
    if stages > count:
        raise ValueError(
            f"Expected `model.randomized` to be null, head or a number from 1 to {count}, the stages of {name}, but got {stages}."
        )
    below = {parameter for stage in network.stages[: count - stages] for parameter in stage.parameters()}
    parts = [*network.stages[count - stages :], network.head]
    own = {parameter: key for part in parts for key, parameter in part.named_parameters()}
    if not own:
        raise ValueError(
            f"Expected `model.randomized` to name parts with parameters, but got {randomized!r}: the head of {name} has none."
        )
    if own.keys() & below:
        raise ValueError(
            f"Expected `model.randomized` to name parts with parameters of their own, but got {randomized!r}: {name} has "
            "parameters in them that stages below have as well."
        )
    with torch.no_grad():
        for parameter, key in own.items():
            parameter.copy_(_drawn(parameter.cpu(), torch.Generator().manual_seed(_seed(seed, key))))


def _drawn(values: Tensor, generator: torch.Generator) -> Tensor:
    """Others of the same size, see `randomize`."""
    if values.ndim < 2:
        return values[torch.randperm(values.numel(), generator=generator)] if values.ndim else values
    size = values.float().square().mean(tuple(range(1, values.ndim)), keepdim=True).sqrt()  # (channels, 1, …)
    return torch.randn(values.shape, generator=generator) * size


def _seed(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"randomized {seed} {name}".encode()).digest()[:8], "big") >> 1
