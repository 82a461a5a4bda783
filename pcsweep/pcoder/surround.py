"""Surround suppression: a unit is held back by what its neighbours of the same channel have been.

subtractive   r_n(t) = ReLU[(1 - μ) r_n(t-1) + μ (f_n(r_{n-1}(t)) - κ S ∗ r_n(t-1))]
divisive      r_n(t) = f_n(r_{n-1}(t)) / (1 + κ (S ∗ r_n(t-1)) / m_n),   m_n: mean of r_n(0) over one image

with t = 0 the feedforward pass. S is an annulus, the same for every channel: ∝ exp(-d² / 2σ_s²) for σ_c < d ≤ 3σ_s, zero
elsewhere, ΣS = 1, with d, σ_s and σ_c in cells of the level. Where a level's own output is not rectified, the ReLU falls away,
and the divisive form has |r| in place of r, in the surround and in m_n.

These forms are ours: no paper's results are claimed for them. Their nearest neighbour in print is a difference of Gaussians of
5 by 5 cells (Hasani, Soleymani & Aghajan, 2019, "Surround modulation: a bio-inspired connectivity structure for convolutional
neural networks", NeurIPS). *Where we differ:* the surround leaves out the centre and sums to one, so that κ alone says how much
is held back in a network trained without it; the divisive form changes the gain of a unit, and never answers in its place.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import Field

from pcsweep.config.errors import BadSetting
from pcsweep.pcoder.rule import Coefficient

if TYPE_CHECKING:
    import torch
    from torch import Tensor

REACH = 3  # σ_s: there S ends, with a ninetieth of its whole mass outside


@dataclass(frozen=True)
class Surround:
    """κ, how strongly the neighbours hold back, and μ, the share of r_n that a timestep renews.

    Args:
        form: what is done with the surround.
        sigma_s: σ_s, the width of the surround in cells of each level.
        sigma_c: σ_c, the radius in cells of the centre that is left out.
        border: what lies beyond a map's edge: the map mirrored at its outermost cells, or nothing. With nothing, S is not
            normalised anew: a cell at the edge has less of a surround.

    Raises:
        BadSetting: no cell lies in the annulus.
    """

    form: Literal["subtractive", "divisive"] = "subtractive"
    sigma_s: Annotated[float, Field(gt=0, le=30)] = 2.0
    sigma_c: Annotated[float, Field(ge=0)] = 1.0
    border: Literal["reflect", "zero"] = "reflect"

    name: ClassVar[str] = "surround"
    asks: ClassVar[str] = "surround suppression"
    axes: ClassVar[tuple[str, str]] = ("kappa", "mu")
    inert_in_last: ClassVar[tuple[str, ...]] = ()
    skipped: ClassVar[str] = ""
    control: ClassVar[str] = "κ = 0"

    def __post_init__(self) -> None:
        if not _weights(self.sigma_s, self.sigma_c).any():
            raise BadSetting(
                f"Expected `pcoder.sigma_c` to leave cells within {REACH} `pcoder.sigma_s` = {REACH * self.sigma_s:g}, where the "
                f"surround ends, but got {self.sigma_c:g}: no cell is farther than that and so near."
            )

    @property
    def coefficients(self) -> tuple[Coefficient, ...]:
        """κ and μ; the divisive form has no rate, and so μ = 1."""
        divisive = self.form == "divisive"
        why = "since the divisive form has no rate" if divisive else ""
        rate = Coefficient("mu", "μ", "rate", lowest=1.0 if divisive else 0.0, highest=1.0, why=why, plain=1.0)
        return Coefficient("kappa", "κ", "surround", plain=0.0), rate

    def is_skipped(self, _values: Mapping[str, Any]) -> bool:
        """Never: all values go together."""
        return False

    def is_feedforward(self, values: Mapping[str, Any], is_last: bool) -> bool:  # noqa: ARG002
        """Where nothing is held back, or nothing is renewed."""
        return bool(values["kappa"] == 0 or values["mu"] == 0)

    def start(self, initial: "Tensor", rectified: bool) -> "Tensor":  # noqa: ARG002 - what is rectified is its own |r|
        """m_n from r_n(0), (images, …): (images, 1, …); infinite where it is zero, since nothing is held back there."""
        mean = initial.abs().flatten(1).mean(1)  # (images,)
        return mean.where(mean > 0, math.inf).reshape(-1, *[1] * (initial.ndim - 1))

    def step(
        self, values: Mapping[str, float], drive: "Tensor", before: "Tensor", mean: "Tensor", rectified: bool
    ) -> tuple["Tensor", "Tensor"]:
        """r_n(t) from f_n(r_{n-1}(t)) and r_n(t-1), each (images, channels, height, width), and m_n.

        Raises:
            ValueError: κ > 0 on representations in which no cell has a surround.
        """
        kappa, mu = values["kappa"], values["mu"]
        held = kappa * self._surround(before, mean) if kappa else None
        if held is not None:
            drive = drive - held if self.form == "subtractive" else drive / (1 + held)
        after = drive if mu == 1 else before + mu * (drive - before)
        return (after.relu() if held is not None and rectified else after), mean

    @property
    def shows(self) -> str:
        """What `show` draws."""
        return "surround κ S∗r(t)" if self.form == "subtractive" else "surround κ S∗|r(t)|/m"

    def shown(self, values: Mapping[str, float], now: "Tensor", mean: "Tensor") -> "Tensor":
        """What holds back r_n(t+1), from r_n(t)."""
        if values["kappa"] == 0:
            return now.new_zeros(now.shape)
        return values["kappa"] * self._surround(now, mean)

    def _surround(self, r: "Tensor", mean: "Tensor") -> "Tensor":
        """S ∗ r, or S ∗ |r| / m_n in the divisive form."""
        return self.convolved(r) if self.form == "subtractive" else self.convolved(r.abs()) / mean

    def convolved(self, r: "Float[Tensor, '...']") -> "Tensor":
        """S ∗ r, of the same shape.

        Raises:
            ValueError: no cell has a surround.
        """
        from torch.nn.functional import conv2d

        weights = annulus(self.sigma_s, self.sigma_c)
        self._check_space(tuple(r.shape[1:]), weights)
        radius, channels = len(weights) // 2, r.shape[1]
        kernel = _annulus_on(r.device, r.dtype, self.sigma_s, self.sigma_c).expand(channels, 1, -1, -1)  # one for each channel
        if self.border == "zero":
            return conv2d(r, kernel, padding=radius, groups=channels)
        rows, columns = (_mirrored_on(r.device, length, radius) for length in r.shape[2:])
        padded = r[:, :, rows][..., columns]  # (images, channels, height + 2 radius, width + 2 radius)
        return conv2d(padded, kernel, groups=channels)

    def _check_space(self, shape: tuple[int, ...], weights: "np.ndarray") -> None:
        """Unless two cells of the map lie in each other's surround."""
        radius = len(weights) // 2
        if len(shape) == 3:
            above, left = (max(0, radius + 1 - length) for length in shape[1:])
            if weights[above : len(weights) - above, left : len(weights) - left].any():
                return
        raise ValueError(
            f"Expected maps of which two cells are more than sigma_c = {self.sigma_c:g} and at most {REACH} sigma_s = "
            f"{REACH * self.sigma_s:g} cells apart, since a cell's surround is made of others, but got a representation of "
            f"{shape}. `pcoder.active` leaves out pcoders without such maps."
        )


def annulus(sigma_s: float, sigma_c: float) -> Float[np.ndarray, "side side"]:
    """S: ∝ exp(-d² / 2σ_s²) for σ_c < d ≤ 3σ_s, in cells from the middle one, and zero elsewhere; ΣS = 1."""
    weights = _weights(sigma_s, sigma_c)
    normalised: Float[np.ndarray, "side side"] = weights / weights.sum()
    return normalised


@cache
def _weights(sigma_s: float, sigma_c: float) -> Float[np.ndarray, "side side"]:
    radius = math.floor(REACH * sigma_s)
    offsets = np.arange(-radius, radius + 1)
    d = np.hypot(offsets[:, None], offsets)
    inside = (d > sigma_c) & (d <= REACH * sigma_s)
    return np.where(inside, np.exp(-((d / sigma_s) ** 2) / 2), 0.0)


@cache
def _annulus_on(device: "torch.device", dtype: "torch.dtype", sigma_s: float, sigma_c: float) -> "Tensor":
    """S on a device, kept there: a copy at every timestep would have to be waited for."""
    import torch

    with torch.inference_mode(False):  # or nothing could be differentiated through it later
        return torch.tensor(annulus(sigma_s, sigma_c), device=device, dtype=dtype)


@cache
def _mirrored_on(device: "torch.device", length: int, radius: int) -> "Tensor":
    """`_mirrored` on a device, kept there."""
    import torch

    with torch.inference_mode(False):
        return torch.tensor(_mirrored(length, radius), device=device)


def _mirrored(length: int, radius: int) -> list[int]:
    """Which cell of an axis stands at -radius..length + radius - 1, mirrored at the outermost cells as often as it takes.

    >>> _mirrored(3, 4)
    [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2]
    """
    period = max(1, 2 * (length - 1))
    places = [place % period for place in range(-radius, length + radius)]
    return [min(place, period - place) if length > 1 else 0 for place in places]


RULE = Surround()
