"""Predictive-coding dynamics on any feedforward network.

The equations are those of predify (Choksi et al., 2021, "Predify: Augmenting deep neural networks with brain-inspired
predictive coding dynamics", NeurIPS). With pcoders n = 1..N bottom-up, r_0 the image and f_n the n-th stage of the backbone:

    t = 0   r_n(0) = f_n(r_{n-1}(0))
    t > 0   r_n(t) = β_n f_n(r_{n-1}(t)) + λ_n p_{n+1}(t-1) + (1 - β_n - λ_n) r_n(t-1) - α_n s_n g_n(t-1)
            p_n(t) = P_n(r_n(t)),  ε_n(t) = mean over one image's elements of (p_n(t) - r_{n-1}(t))²,  g_n = ∂ε_n/∂r_n

*Where we differ from predify:* the error is a mean over each image alone. predify's unscaled rule averages over the batch, which
makes an image's result depend on its neighbours; ours equals predify at a batch of one. The last pcoder has no feedback: λ_N
counts as 0, as there. In training (`unroll`) g_n is differentiated as well, where predify takes it for a constant.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from pcsweep.machine.memory import limit
from pcsweep.machine.transfer import to_device
from pcsweep.network.backbone import cut
from pcsweep.network.convolution.choice import BUDGET
from pcsweep.network.dynamics import dynamics_of
from pcsweep.network.engine.arrays import channels_last
from pcsweep.network.engine.build import compiled
from pcsweep.network.engine.graphs import Replays, replays_on
from pcsweep.network.engine.run import Engine, Moment
from pcsweep.network.engine.shapes import Outline
from pcsweep.network.layout import check_channels_first
from pcsweep.network.loop import are_rectified
from pcsweep.network.stimulus import Stimulus
from pcsweep.network.unroll import LearnedRule, Unrolled
from pcsweep.network.within import Within
from pcsweep.pcoder.predictive_coding import Coefficients, SumTooLarge
from pcsweep.pcoder.rule import UpdateRule, Values

__all__ = ["Coefficients", "PCoder", "PredictiveNetwork", "State", "SumTooLarge"]

_KERNELS_SHARE = 4  # transformed kernels take at most one in so many bytes of the memory that there is


@dataclass(frozen=True, eq=False)
class PCoder:
    """One level of predictive coding: which representation, and what predicts the one below from it.

    Args:
        module: name of the backbone's module whose output is the representation r_n, such as `"features.3"`.
        predictor: P_n, maps r_n to the shape of r_{n-1}.
        sqrt_c: √C_n, where C_n = how many elements of p_n one cell of r_n reaches. The gradient is then scaled by s_n = K_n/√C_n
            (K_n: elements of p_n of one image), predify's `PCoderN`. `None`: s_n = 1, predify's `PCoder`.
    """

    module: str
    predictor: nn.Module
    sqrt_c: float | None = None

    def __post_init__(self) -> None:
        if self.sqrt_c is not None and not (math.isfinite(self.sqrt_c) and self.sqrt_c > 0):
            raise ValueError(f"Expected `sqrt_c` to be positive or None, but got {self.sqrt_c}.")


@dataclass(frozen=True, eq=False)
class State:
    """The network at one timestep: r_1(t)..r_N(t), each (batch, …), and the logits (batch, classes)."""

    timestep: int
    representations: list[Tensor]
    logits: Tensor


class PredictiveNetwork(nn.Module):
    """A backbone cut at its pcoders, unrolled over time by `run`.

    Shares the backbone's parameters, leaves nothing on it (no hook, no state, no change of mode), and keeps nothing of one run
    for the next but how to compute it fast (`engine`). It is built in evaluation mode.

    Args:
        backbone: any module from images to logits that can be cut at the pcoders' modules with one tensor crossing each cut.
        pcoders: bottom-up, at least one.

    Raises:
        ValueError: no pcoder, or a backbone that cannot be cut there (see `pcsweep.network.backbone.cut`).
    """

    def __init__(self, backbone: nn.Module, pcoders: Sequence[PCoder]) -> None:
        super().__init__()
        if not pcoders:
            raise ValueError("Expected at least one pcoder, but got none.")
        *stages, head = cut(backbone, [pcoder.module for pcoder in pcoders])
        self.stages = nn.ModuleList(stages)
        self.head: nn.Module = head
        self.predictors = nn.ModuleList(pcoder.predictor for pcoder in pcoders)
        self.modules_cut = tuple(pcoder.module for pcoder in pcoders)
        self.sqrt_cs = tuple(pcoder.sqrt_c for pcoder in pcoders)
        self._compiled: tuple[Any, Engine] | None = None  # for which images and parameters, and the engine
        self._rectified: tuple[Any, list[bool]] | None = None  # likewise, and of each stage
        self._replays: tuple[Any, Replays] | None = None  # likewise, of rules that have no engine
        self._checked_sizes: set[torch.Size] = set()
        self._outlines: dict[Any, list[Tensor]] = {}
        self.eval()

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of the plain feedforward pass (t = 0)."""
        logits: Tensor = self.head(self.feedforward(images)[-1])
        return logits

    def feedforward(self, images: Float[Tensor, "batch 3 height width"]) -> list[Tensor]:
        """r_1(0)..r_N(0)."""
        representations: list[Tensor] = []
        for stage in self.stages:
            representations.append(stage(representations[-1] if representations else images))
        return representations

    def outline(self, image: Float[Tensor, "some 3 height width"]) -> list[Tensor]:
        """r_1(0)..r_N(0) and the logits of one image like `image`, without content (on the device `meta`): tried once."""
        key = image.shape[1:], image.dtype, torch.is_autocast_enabled(image.device.type)
        if key not in self._outlines:
            with torch.no_grad():
                states = [image.new_zeros(1, *image.shape[1:])]
                for part in (*self.stages, self.head):
                    states.append(Outline(part).run(states[-1]))
                self._outlines[key] = [torch.empty(each.shape, dtype=each.dtype, device="meta") for each in states[1:]]
        return self._outlines[key]

    def classes(self, size: int) -> int:
        """How many logits a square image of `size` pixels has."""
        like = next(self.parameters(), torch.empty(0))
        return self.outline(like.new_zeros(1, 3, size, size))[-1].shape[1]

    def run(self, images: Float[Tensor, "batch 3 height width"], coefficients: Coefficients, timesteps: int) -> Iterator[State]:
        """Yields the states of t = 0..timesteps. No autograd graph is kept, and memory does not grow with t.

        Raises:
            ValueError: negative `timesteps`, coefficients of another number of pcoders, a representation with channels last, or
                a predictor whose output has another shape than the representation below it.
        """
        _check_timesteps(timesteps)
        rules = coefficients.per_pcoder(len(self.stages))
        engine = self.engine(images[:1])
        moments = engine.moments(images, [rules], timesteps, len(images))
        while True:
            with torch.no_grad():  # not around the yield, which would switch it off for whoever asks for the states
                moment = next(moments, None)
                if moment is None:
                    return
                representations = [r.clone() for r in moment.representations]  # the engine's own are overwritten
                state = State(moment.timestep, representations, self.head(representations[-1]))
            yield state

    def moments(
        self,
        images: Float[Tensor, "batch 3 height width"] | Stimulus,
        rule: UpdateRule,
        points: Sequence[Sequence[Values]],
        timesteps: int,
        rows: int,
    ) -> Iterator[Moment]:
        """The moments of many grid points: by the rule's own step if it has one, else by the engine of predictive coding.

        Args:
            images: as many as a multiple of `ROWS`, for bits that do not depend on their company; or over time.
            rule: of all points.
            points: its coefficients, of each grid point, pcoder by pcoder.
            timesteps: T.
            rows: points · images that are computed at once, at most.
        """
        return dynamics_of(rule).moments(self, images, points, timesteps, rows)

    def within(self, moment: Moment, rows: Int[Tensor, " some"]) -> Within:
        """One timestep of some rows of one grid point, for derivatives, before the next moment is asked for.

        Args:
            moment: of `moments`.
            rows: numbers of the rows among those of all points, on the CPU.
        """
        assert moment.upward is not None  # as `moments` gives it
        place = int(rows[0]) // moment.images
        rows = to_device(rows, moment.representations[0].device)
        states = [moment.rows(n, rows) for n in range(1, len(self.stages) + 1)]
        return Within(list(self.stages), self.head, states, moment.upward, rows, place)

    def unroll(
        self, images: Float[Tensor, "batch 3 height width"], rules: Sequence[LearnedRule], timesteps: int
    ) -> Iterator[State]:
        """The states of t = 0..timesteps, differentiable where autograd is on, for training: the graph grows with t.

        Args:
            images: as for `run`.
            rules: (β_n, λ_n, α_n) of every pcoder, numbers or tensors without dimensions.
            timesteps: T.

        Raises:
            ValueError: negative `timesteps`, or a predictor whose output has another shape than the representation below it.
        """
        _check_timesteps(timesteps)
        self._check_layout(images)
        unrolled = Unrolled(list(self.stages), list(self.predictors), self.sqrt_cs, self.modules_cut)
        for timestep, representations in enumerate(unrolled.representations(images, rules, timesteps)):
            yield State(timestep, list(representations), self.head(representations[-1]))

    def on(self, device: torch.device) -> "PredictiveNetwork":
        """The network, moved to a device; on a GPU with its kernels channels last in memory, as the maps are there."""
        self.to(device)
        if device.type == "cuda":
            channels_last(self)
        return self

    def engine(self, image: Float[Tensor, "some 3 height width"]) -> Engine:
        """What computes images like `image` under `torch.no_grad`: made at first use, and again when a parameter has changed.

        Under autocast it uses the library's convolutions alone, since a transform needs their full precision. A change through
        `parameter.data` is not noticed. Threads must not share a network.

        Raises:
            ValueError: a representation of four dimensions whose second is not the channels (see `pcsweep.network.layout`).
        """
        key = self._key(image)
        if self._compiled is None or self._compiled[0] != key:
            self._compiled = None  # the old one is freed first: they are large
            self._check_layout(image)
            with torch.no_grad():
                zeros, rounded = image.new_zeros(1, *image.shape[1:]), torch.is_autocast_enabled(image.device.type)
                self._compiled = key, compiled(self, zeros, 0 if rounded else min(BUDGET, limit() // _KERNELS_SHARE))
        return self._compiled[1]

    def rectified(self, image: Float[Tensor, "some 3 height width"]) -> list[bool]:
        """Of each stage, whether it returns nothing negative for images like `image`: tried once, as `engine` is made once.

        Raises:
            ValueError: as `engine`.
        """
        key = self._key(image)
        if self._rectified is None or self._rectified[0] != key:
            self._check_layout(image)
            self._rectified = key, are_rectified(list(self.stages), image)
        return self._rectified[1]

    def replays(self, image: Float[Tensor, "some 3 height width"]) -> Replays:
        """Of timesteps of rules that have no engine, on images like `image`: made at first use, as `engine` is."""
        key = self._key(image)
        if self._replays is None or self._replays[0] != key:
            self._replays = key, replays_on(image.device)
        return self._replays[1]

    def _key(self, image: Tensor) -> tuple[Any, ...]:
        """Of all that decides how images like `image` are computed."""
        parameters = tuple((tensor.data_ptr(), tensor._version) for tensor in self.state_dict(keep_vars=True).values())
        rounded = torch.is_autocast_enabled(image.device.type)
        modes = rounded, torch.is_inference_mode_enabled(), torch.backends.cudnn.allow_tf32
        return (image.shape[1:], image.dtype, image.device, *modes, parameters)

    def _check_layout(self, image: Tensor) -> None:
        """Refuses representations with channels last; once for each size of images."""
        if image.ndim == 4 and image.shape[1:] not in self._checked_sizes:
            check_channels_first(list(self.stages), list(map(repr, self.modules_cut)), image.new_zeros(1, *image.shape[1:]))
            self._checked_sizes.add(image.shape[1:])

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": None, "_rectified": None, "_replays": None, "_outlines": {}}


def _check_timesteps(timesteps: int) -> None:
    if timesteps < 0:
        raise ValueError(f"Expected `timesteps` to be at least 0, but got {timesteps}.")
