"""The equations written down once more, image by image and with autograd: the oracle of the tests.

Shares no code with the package and takes no shortcut: every prediction and gradient is computed at every timestep.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

Rules = Sequence[tuple[float, float, float]]  # (β_n, λ_n, α_n)


def trajectory(
    stages: Sequence[Callable[[Tensor], Tensor]],
    predictors: Sequence[Callable[[Tensor], Tensor]],
    sqrt_cs: Sequence[float | None],
    rules: Rules,
    head: Callable[[Tensor], Tensor],
    images: Tensor | Sequence[Tensor],
    timesteps: int,
) -> list[tuple[list[Tensor], Tensor]]:
    """(r_1(t)..r_N(t), logits) of the whole batch for t = 0..timesteps. A stage may be any callable.

    Images are a batch, or one for each of t = 0..timesteps.
    """
    over_time = [images] * (timesteps + 1) if isinstance(images, Tensor) else images
    each = [_of_one(stages, predictors, sqrt_cs, rules, [at[i, None] for at in over_time]) for i in range(len(over_time[0]))]
    states = []
    for at_t in zip(*each, strict=True):
        r = [torch.cat(parts) for parts in zip(*at_t, strict=True)]
        states.append((r, head(r[-1]).detach()))
    return states


def _of_one(stages, predictors, sqrt_cs, rules, over_time) -> list[list[Tensor]]:
    last = len(stages) - 1
    r = []
    for stage in stages:
        r.append(stage(r[-1] if r else over_time[0]).detach())
    states = [r]
    for image_before, image in zip(over_time, over_time[1:], strict=False):
        p, g = [], []
        for n, predictor in enumerate(predictors):
            r_n = r[n].clone().requires_grad_()
            p_n = predictor(r_n)
            error = ((p_n - (r[n - 1] if n else image_before)) ** 2).mean()
            (gradient,) = torch.autograd.grad(error, r_n)
            s_n = 1.0 if sqrt_cs[n] is None else p_n.numel() / sqrt_cs[n]
            p.append(p_n.detach())
            g.append(s_n * gradient)
        new = []
        for n, (beta, lambda_, alpha) in enumerate(rules):
            feedback = lambda_ * p[n + 1] if n < last else 0.0
            memory = (1 - beta - (lambda_ if n < last else 0.0)) * r[n]
            drive = beta * stages[n](new[-1] if new else image).detach()
            new.append(drive + feedback + memory - alpha * g[n])
        r = new
        states.append(r)
    return states


def adaptation(
    stages: Sequence[Callable[[Tensor], Tensor]],
    linear: Sequence[int],
    a: float,
    b: float,
    image: Tensor | Sequence[Tensor],
    timesteps: int,
) -> list[list[Tensor]]:
    """r_1(t)..r_N(t) of one image (1, …), or of one for each t, for t = 0..timesteps under adaptation; `linear` stages end
    without a ReLU."""
    over_time = [image] * (timesteps + 1) if isinstance(image, Tensor) else image
    r: list[Tensor] = []
    for stage in stages:
        r.append(stage(r[-1] if r else over_time[0]).detach())
    s = [torch.zeros_like(each) for each in r]
    states = [r]
    for now in over_time[1:]:
        s = [a * s_n + (1 - a) * r_n for s_n, r_n in zip(s, r, strict=True)]
        after: list[Tensor] = []
        for n, stage in enumerate(stages):
            held = stage(after[-1] if after else now).detach() - b * s[n]
            after.append(held if n in linear else held.clamp(min=0))
        r = after
        states.append(r)
    return states


def annulus(sigma_s: float, sigma_c: float) -> np.ndarray:
    """S, cell by cell."""
    side = range(-math.floor(3 * sigma_s), math.floor(3 * sigma_s) + 1)
    weights = np.zeros((len(side), len(side)))
    for row, y in enumerate(side):
        for column, x in enumerate(side):
            if sigma_c < (d := math.sqrt(x * x + y * y)) <= 3 * sigma_s:
                weights[row, column] = math.exp(-d * d / (2 * sigma_s**2))
    return weights / weights.sum()


def surround(
    stages: Sequence[Callable[[Tensor], Tensor]],
    linear: Sequence[int],
    rules: Sequence[tuple[float, float]],
    settings: tuple[str, float, float, str],
    image: Tensor,
    timesteps: int,
) -> list[list[Tensor]]:
    """r_1(t)..r_N(t) of one image (1, …) for t = 0..timesteps under surround suppression; `linear` stages end without a ReLU.

    `rules` are (κ_n, μ_n), and `settings` form, σ_s, σ_c and border.
    """
    form, sigma_s, sigma_c, border = settings
    kernel = annulus(sigma_s, sigma_c)[None, None]

    def surround_of(r: Tensor) -> Tensor:
        mode = {"reflect": "mirror", "zero": "constant"}[border]
        return torch.from_numpy(ndimage.correlate(r.numpy(), kernel, mode=mode))

    r: list[Tensor] = []
    for stage in stages:
        r.append(stage(r[-1] if r else image).detach())
    m = [(each.abs() if n in linear else each).mean() for n, each in enumerate(r)]
    states = [r]
    for _ in range(timesteps):
        after: list[Tensor] = []
        for n, (stage, (kappa, mu)) in enumerate(zip(stages, rules, strict=True)):
            drive = stage(after[-1] if after else image).detach()
            if form == "subtractive":
                new = (1 - mu) * r[n] + mu * (drive - kappa * surround_of(r[n]))
                after.append(new if n in linear else new.clamp(min=0))
            else:
                beside = surround_of(r[n].abs() if n in linear else r[n])
                after.append(drive / (1 + kappa * beside / m[n]) if m[n] > 0 else drive)
        r = after
        states.append(r)
    return states
