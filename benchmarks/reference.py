"""What pcsweep is compared with: predify's way to compute, one grid point at a time, with Captum's Grad-CAM at every timestep.

`Reference` is a transcription of the method of predify (Choksi et al., 2021): every pcoder keeps its representation, prediction
and gradient from one forward pass of the backbone to the next, a forward pass is a timestep, hooks on the backbone replace what
the pcoders' modules return, and every pcoder predicts and differentiates in every pass, whether a coefficient asks for it or not.
Where predify leaves a choice, the faster one is taken: no graph outlives a pass, and none is recorded below the last pcoder.
`Predify` runs the original.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from pcsweep.network import PredictiveNetwork
from pcsweep.pcoder.predictive_coding import Rule

PREDIFY_INSTALLED = find_spec("predify") is not None


@dataclass(frozen=True, eq=False)
class Parts:
    """What a predictive network is made of.

    Args:
        backbone: from images to logits.
        modules: names of those whose outputs are r_1..r_N.
        predictors: P_1..P_N.
        sqrt_cs: √C_n, or `None` for a gradient that is not scaled.
    """

    backbone: nn.Module
    modules: Sequence[str]
    predictors: Sequence[nn.Module]
    sqrt_cs: Sequence[float | None]


def parts_of(network: PredictiveNetwork, backbone: nn.Module) -> Parts:
    """The parts of a network.

    Args:
        network: whose tensors the parts share.
        backbone: an uncut one of the same layers, which is given the tensors of the network's.
    """
    tensors = {name: tensor for stage in [*network.stages, network.head] for name, tensor in stage.state_dict().items()}
    backbone.load_state_dict(tensors, assign=True)
    return Parts(backbone, network.modules_cut, list(network.predictors), network.sqrt_cs)


@dataclass(frozen=True, eq=False)
class Step:
    """One timestep.

    Args:
        representation: r_N(t).
        logits: of the images.
        cam: Grad-CAM, (batch, height, width).
    """

    representation: Tensor
    logits: Tensor
    cam: Tensor


class Reference(nn.Module):
    """A network with state: each call is a timestep, the first after `reset` is t = 0.

    Args:
        parts: the backbone is copied, the predictors are not.
        rules: (β_n, λ_n, α_n) of every pcoder; may be replaced before a `reset`.
    """

    def __init__(self, parts: Parts, rules: Sequence[Rule]) -> None:
        super().__init__()
        self.rules = rules
        self.backbone = _with_memory(parts.backbone)
        self.pcoders = nn.ModuleList(map(_PCoder, parts.predictors, parts.sqrt_cs))
        self.layer = self.backbone.get_submodule(parts.modules[-1])
        self._image: Tensor | None = None
        for n, module in enumerate(parts.modules):
            self.backbone.get_submodule(module).register_forward_hook(partial(self._replace, n))

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        self._image = images
        logits = self.backbone(images)
        self.logits = logits.detach()
        return logits

    def reset(self) -> None:
        """Forgets all state."""
        for pcoder in self.pcoders:
            pcoder.reset()

    @property
    def representation(self) -> Tensor:
        """r_N."""
        return self.pcoders[-1].representation

    def _replace(self, n: int, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        """The hook of pcoder n: from its drive to its representation."""
        above = self.pcoders[n + 1].prediction if n + 1 < len(self.pcoders) else None
        below = self.pcoders[n - 1].representation if n else self._image
        return self.pcoders[n](output.detach(), above, below, self.rules[n])


class _PCoder(nn.Module):
    """r_n, p_n and g_n of the last timestep, and what makes the next.

    Args:
        predictor: P_n.
        sqrt_c: √C_n, if the gradient is scaled.
    """

    def __init__(self, predictor: nn.Module, sqrt_c: float | None) -> None:
        super().__init__()
        self.predictor, self.sqrt_c = predictor, sqrt_c
        self.reset()

    def reset(self) -> None:
        """Forgets all state."""
        self.representation: Tensor | None = None
        self.prediction: Tensor | None = None
        self.gradient: Tensor | None = None

    def forward(self, drive: Tensor, above: Tensor | None, below: Tensor, rule: Rule) -> Tensor:
        """r_n(t).

        Args:
            drive: f_n(r_{n-1}(t)).
            above: p_{n+1}(t-1); `None` in the last pcoder and at t = 0.
            below: r_{n-1}(t).
            rule: (β_n, λ_n, α_n).
        """
        self.representation = drive if self.representation is None else self._moved(drive, above, rule)
        with torch.enable_grad():
            representation = self.representation.detach().requires_grad_()
            prediction = self.predictor(representation)
            error = (prediction - below).square().flatten(1).mean(1).sum()
            (self.gradient,) = torch.autograd.grad(error, representation)
        self.prediction = prediction.detach()
        return self.representation.detach()  # of which Captum asks for a gradient

    def _moved(self, drive: Tensor, above: Tensor | None, rule: Rule) -> Tensor:
        beta, lambda_, alpha = rule
        scale = 1.0 if self.sqrt_c is None else self.prediction[0].numel() / self.sqrt_c
        if above is None:
            return beta * drive + (1 - beta) * self.representation - alpha * scale * self.gradient
        memory = (1 - beta - lambda_) * self.representation
        return beta * drive + lambda_ * above + memory - alpha * scale * self.gradient


class Predify(nn.Module):
    """predify's own network, where it is installed, with `Reference`'s interface.

    Its graph has to be built for Captum; what it stores is detached after every call. Without √C_n it averages over the batch.

    Args:
        parts, rules: as of `Reference`.
    """

    def __init__(self, parts: Parts, rules: Sequence[Rule]) -> None:
        from predify.modules import PCoder, PCoderN
        from predify.networks import PNetSeparateHP

        super().__init__()
        self.rules = rules
        betas, lambdas, alphas = map(list, zip(*rules, strict=True))
        self.network = PNetSeparateHP(parts.backbone, len(rules), True, False, betas, lambdas, alphas).requires_grad_(False)
        for n, (predictor, sqrt_c) in enumerate(zip(parts.predictors, parts.sqrt_cs, strict=True), start=1):
            pcoder = (PCoder if sqrt_c is None else PCoderN)(predictor, n < len(rules), False)
            if sqrt_c is not None:
                pcoder.C_sqrt = torch.tensor(sqrt_c)
            setattr(self.network, f"pcoder{n}", pcoder)
        for n, module in enumerate(parts.modules, start=1):
            self.network.backbone.get_submodule(module).register_forward_hook(partial(self._replace, n))
        self.layer = self.network.backbone.get_submodule(parts.modules[-1])
        self._started = False

    def forward(self, images: Tensor) -> Tensor:
        """The logits."""
        logits = self.network(None if self._started else images)
        self._started = True
        self.logits = logits.detach()
        for pcoder in self._pcoders:
            pcoder.rep, pcoder.prd = pcoder.rep.detach(), pcoder.prd.detach()
        return logits

    def reset(self) -> None:
        """Forgets all state, as the next call does."""
        self._started = False

    @property
    def representation(self) -> Tensor:
        """r_N."""
        return self._pcoders[-1].rep

    @property
    def _pcoders(self) -> list[nn.Module]:
        return [getattr(self.network, f"pcoder{n}") for n in range(1, len(self.rules) + 1)]

    def _replace(self, n: int, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        pcoders = self._pcoders
        ffm, fbm, erm = self.rules[n - 1]
        above = pcoders[n].prd if n < len(pcoders) else None
        below = pcoders[n - 2].rep if n > 1 else self.network.input_mem
        return pcoders[n - 1](ff=output, fb=above, target=below, build_graph=True, ffm=ffm, fbm=fbm, erm=erm)[0]


def trajectory(reference: Reference | Predify, images: Tensor, targets: Tensor, timesteps: int) -> list[Step]:
    """t = 0..timesteps from the images: one call of Captum each, which runs one forward pass."""
    reference.reset()
    steps = []
    for _ in range(timesteps + 1):
        cam = LayerGradCam(reference, reference.layer).attribute(images, target=targets, relu_attributions=True)
        steps.append(Step(reference.representation.detach(), reference.logits, cam.detach().squeeze(1)))
    return steps


def _with_memory(backbone: nn.Module) -> nn.Module:
    """A copy in evaluation mode that a representation survives: nothing in it works in place or learns."""
    twin = copy.deepcopy(backbone).eval().requires_grad_(False)
    for module in twin.modules():
        if hasattr(module, "inplace"):
            module.inplace = False
    return twin
