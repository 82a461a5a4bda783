"""Feedback on a backbone: a predictor for every pcoder, its weights, and how far it reaches.

The default predictor is predify's: bilinear upsampling where the representation below is larger, then a 3 × 3 transposed
convolution. Its weights come from predify's published files, from a whole predify network, from `pcsweep.train`, or at random.
"""

import copy
import glob
import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pcsweep.model.build import weights
from pcsweep.network import Coefficients, PCoder, PredictiveNetwork
from pcsweep.network.backbone import cut
from pcsweep.network.layout import check_channels_first

Shape = tuple[int, int, int]  # channels, height, width
Predictors = Callable[[Sequence[Shape]], Sequence[nn.Module]]  # from the shapes of r_0..r_N to P_1..P_N

PUBLISHED_AT = "github.com/miladmozafari/predify and github.com/bhavinc/predify2021"
_NUMBER = re.compile(r"(?:pc|pcoder)(\d+)(?!\d)", re.IGNORECASE)
_ENDINGS = (".pth", ".pt", ".safetensors")
_NEAR = 16  # cells, height and width of the first map on which the reach is counted

_log = logging.getLogger(__name__)
_to_be_trained: ContextVar[bool] = ContextVar("_to_be_trained", default=False)


@dataclass(frozen=True)
class Source:
    """Where feedback weights come from.

    Args:
        place: `random` or `None` (drawn from torch's global generator as it is); a folder or glob with one file per pcoder,
            numbered as in `…_pc1_….pth`; or one file: a whole predify network, or what `pcsweep.train` wrote.
        names: of the files that predify's authors published for this network, for messages.
    """

    place: str | None
    names: str = "*pc{n}*.pth"

    @property
    def random(self) -> bool:
        """Whether the weights are drawn at random."""
        return self.place in (None, "random")


def published(place: str | None, names: str, count: int, random_backbone: bool) -> Source:
    """The source of a network whose predictors are published: where `place` is `None`, random ones for a random backbone only.

    Args:
        place: as the setting `feedback_weights` has it.
        names: of the published files.
        count: of pcoders.
        random_backbone: whether the backbone's weights are random.

    Raises:
        ValueError: no place for a backbone that is trained.
    """
    source = Source(place, names)
    if place is None and not random_backbone:
        raise ValueError(
            f"Expected `model.feedback_weights` to be the folder of the {count} files {_listed(source, count)}, which predify's "
            f"authors publish ({PUBLISHED_AT}), or a file of pcsweep.train, or random, but got null."
        )
    return source


def _listed(source: Source, count: int) -> str:
    return ", ".join(source.names.format(n=n) for n in range(1, count + 1))


@dataclass(frozen=True, eq=False)
class Feedback:
    """What a source of feedback weights says, beyond the weights themselves.

    Args:
        sqrt_cs: √C_n where the source has measured it, else `None`, one per pcoder.
        coefficients: β, λ, α that come with the weights, if any.
    """

    sqrt_cs: tuple[float | None, ...]
    coefficients: Coefficients | None = None


def shapes_at(backbone: nn.Module, modules: Sequence[str], size: int) -> list[Shape]:
    """The shapes of r_0..r_N for square images of `size` pixels.

    Raises:
        ValueError: the backbone cannot be cut there, or a representation is no map of channels, height and width, in that order.
    """
    *stages, _ = cut(backbone, modules)
    image = representation = torch.zeros(1, 3, size, size)
    shapes = [(3, size, size)]
    for stage, module in zip(stages, modules, strict=True):
        with torch.no_grad():
            representation = stage(representation)
        if representation.ndim != 4:
            raise ValueError(
                f"Expected {module!r} to return channels, height and width, but got {representation.ndim - 1} dimensions: "
                f"{type(backbone).__name__} returns {_described(representation)} there. Choose modules that return maps."
            )
        shapes.append((representation.shape[1], representation.shape[2], representation.shape[3]))
    check_channels_first(stages, [f"{module!r} of {type(backbone).__name__}" for module in modules], image)
    return shapes


def _described(representation: Tensor) -> str:
    kinds = {2: " (one number per feature)", 3: " (tokens)"}
    return f"{tuple(representation.shape)}{kinds.get(representation.ndim, '')}"


def default_predictors(shapes: Sequence[Shape]) -> list[nn.Module]:
    """predify's default P_1..P_N for representations r_0..r_N of these shapes, at random."""
    return [default_predictor(above, below) for below, above in zip(shapes, shapes[1:], strict=False)]


def default_predictor(above: Shape, below: Shape) -> nn.Module:
    """predify's default predictor from r_n of shape `above` to r_{n-1} of shape `below`."""
    convolution = nn.ConvTranspose2d(above[0], below[0], 3, padding=1)
    if above[1:] == below[1:]:
        return nn.Sequential(convolution)
    whole = below[1] % above[1] == 0 and below[2] % above[2] == 0
    factors = (below[1] / above[1], below[2] / above[2])
    upsample = nn.Upsample(scale_factor=factors, mode="bilinear") if whole else nn.Upsample(size=below[1:], mode="bilinear")
    return nn.Sequential(upsample, convolution)


def reach(predictor: nn.Module, shape: Shape) -> int:
    """How many elements of a prediction one cell of a representation of that shape can reach: C_n.

    Counted on the structure alone, with every weight at one, at the cell in the middle. *Where we differ from predify:* it counts
    what changes under its weights at the first image's ReLUs, which makes C_n, and with it every result, depend on that image.
    """
    probe = copy.deepcopy(predictor).eval()
    with torch.no_grad():
        for name, tensor in [*probe.named_parameters(), *probe.named_buffers()]:
            tensor.fill_(1 if name.rpartition(".")[2] in ("weight", "running_var") else 0)
    if any(isinstance(module, nn.Upsample) and module.size is not None for module in probe.modules()):
        return _reached(probe, shape)
    size, count = _NEAR, 0
    while True:  # on larger and larger maps, until the border cuts nothing
        before, count = count, _reached(probe, (shape[0], min(shape[1], size), min(shape[2], size)))
        if count == before or size >= max(shape[1:]):
            return count
        size *= 2


@torch.no_grad()
def _reached(probe: nn.Module, shape: Shape) -> int:
    """How many outputs change with the cell in the middle."""
    cell = torch.zeros(1, *shape)
    silent = probe(cell)
    cell[0, shape[0] // 2, shape[1] // 2, shape[2] // 2] = 1
    return int((probe(cell) != silent).sum())


def predictive(
    backbone: nn.Module,
    modules: Sequence[str],
    size: int,
    source: Source,
    gradient_scaling: bool,
    predictors: Predictors = default_predictors,
) -> tuple[PredictiveNetwork, Coefficients | None]:
    """The backbone with feedback, and the coefficients that come with the feedback weights, if any.

    Args:
        backbone: from images to logits.
        modules: where its pcoders are, bottom-up.
        size: side of its images, in pixels.
        source: of the feedback weights.
        gradient_scaling: scale the error's gradient by K_n/√C_n, with √C_n as the source has it, else of `reach`.
        predictors: from shapes to untrained predictors.

    Raises:
        ValueError: a backbone that cannot be cut, or weights that are missing or do not fit.
    """
    shapes = shapes_at(backbone, modules, size)
    made = list(predictors(shapes))
    feedback = Feedback((None,) * len(made)) if source.random else load(made, source)
    sqrt_cs: list[float | None] = [None] * len(made)
    if gradient_scaling:
        sqrt_cs = [
            math.sqrt(reach(predictor, shape)) if given is None else given
            for predictor, shape, given in zip(made, shapes[1:], feedback.sqrt_cs, strict=True)
        ]
    pcoders = [PCoder(*each) for each in zip(modules, made, sqrt_cs, strict=True)]
    return PredictiveNetwork(backbone, pcoders), feedback.coefficients


@contextmanager
def to_be_trained() -> Iterator[None]:
    """Around the making of a model whose predictors are about to be trained: that they are random is no warning then."""
    token = _to_be_trained.set(True)
    try:
        yield
    finally:
        _to_be_trained.reset(token)


def say_if_random(backbone: bool, predictors: bool) -> None:
    """Says loudly which weights are random and what that makes of the results."""
    if _to_be_trained.get():
        predictors = False
    if backbone:
        _log.warning("RANDOM WEIGHTS in the backbone: results are meaningless until it is trained.")
    elif predictors:
        _log.warning("RANDOM FEEDBACK WEIGHTS: results at t > 0 are meaningless until python -m pcsweep.train made some.")


def load(predictors: Sequence[nn.Module], source: Source) -> Feedback:
    """Fills the predictors P_1..P_N, in place, from a source that is not random.

    Raises:
        ValueError: what is missing, ambiguous, or does not fit; all of it in one message.
    """
    place = str(source.place)
    if Path(place).is_file():
        return _from_one_file(predictors, weights.read(Path(place)))
    files = _numbered(place)
    numbers = range(1, len(predictors) + 1)
    missing = [source.names.format(n=n) for n in numbers if n not in files]
    twice = [str(path) for n in numbers for path in files.get(n, []) if len(files[n]) > 1]
    further = [str(path) for n in sorted(set(files) - set(numbers)) for path in files[n]]
    if missing or twice or further:
        problem = f"{place!r} lacks {', '.join(missing)}"
        if not missing:
            problem = (
                f"in {place!r} these share a number: {', '.join(twice)}" if twice else f"there are more: {', '.join(further)}"
            )
        raise ValueError(
            f"Expected `model.feedback_weights` to be a file of pcsweep.train, or a folder or glob with the {len(predictors)} "
            f"files {_listed(source, len(predictors))}, which predify's authors publish ({PUBLISHED_AT}), but {problem}."
        )
    return Feedback(_filled(predictors, lambda n, predictor: _from_pcoder_file(predictor, weights.read(files[n][0]), n)))


def _numbered(place: str) -> dict[int, list[Path]]:
    """The files of a folder or glob by the pcoder number in their names."""
    pattern = str(Path(glob.escape(place)) / "*") if Path(place).is_dir() else place
    found: dict[int, list[Path]] = {}
    for path in sorted(map(Path, glob.glob(pattern))):
        matched = _NUMBER.findall(path.stem)
        if matched and path.suffix in _ENDINGS:
            found.setdefault(int(matched[-1]), []).append(path)
    return found


def _filled(predictors: Sequence[nn.Module], fill: Callable[[int, nn.Module], float | None]) -> tuple[float | None, ...]:
    """What `fill` returns for each numbered predictor; what it refuses of any, in one message."""
    sqrt_cs, problems = [], []
    for n, predictor in enumerate(predictors, start=1):
        try:
            sqrt_cs.append(fill(n, predictor))
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(sqrt_cs)


def _from_pcoder_file(predictor: nn.Module, file: weights.File, n: int) -> float | None:
    """Fills one predictor; √C_n where the file has it."""
    state = file.below("pmodule.") or {name: tensor for name, tensor in file.tensors.items() if name != "C_sqrt"}
    weights.fill(predictor, _as_named_by(predictor, state), f"{file.path} (predictor {n})")
    return _measured(file.tensors.get("C_sqrt"))


def _from_one_file(predictors: Sequence[nn.Module], file: weights.File) -> Feedback:
    """Of a whole predify network, or of pcsweep.train."""
    ours = any(name.startswith("predictors.") for name in file.tensors)
    there = {name.split(".")[ours] for name in file.tensors if name.startswith("predictors." if ours else "pcoder")}
    if len(there) != len(predictors):
        raise ValueError(
            f"Expected {str(file.path)!r} to hold {len(predictors)} predictors (of pcsweep.train, or `pcoder1.pmodule.…` of a "
            f"whole predify network), but it holds {len(there)}."
        )

    def fill(n: int, predictor: nn.Module) -> float | None:
        state = file.below(f"predictors.{n - 1}." if ours else f"pcoder{n}.pmodule.")
        weights.fill(predictor, _as_named_by(predictor, state), f"{file.path} (predictor {n})")
        return _measured(file.tensors.get(f"pcoder{n}.C_sqrt"))

    return Feedback(_filled(predictors, fill), file.coefficients)


def _as_named_by(predictor: nn.Module, state: weights.State) -> weights.State:
    """predify's files name a single layer's tensors `weight` or `0.weight`: here as the predictor does."""
    own = set(predictor.state_dict())
    for names in ({name: name.removeprefix("0.") for name in state}, {name: f"0.{name}" for name in state}):
        if set(names.values()) == own:
            return {names[name]: tensor for name, tensor in state.items()}
    return state


def _measured(sqrt_c: Tensor | None) -> float | None:
    """predify's √C, which is −1 before its first image."""
    return None if sqrt_c is None or not float(sqrt_c) > 0 else float(sqrt_c)
