"""Where the weights of predictors come from: predify's published files, a whole network of it, `pcsweep.train`, or chance."""

import glob
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pcsweep.model.build import weights
from pcsweep.network import Coefficients

PUBLISHED_AT = "github.com/miladmozafari/predify and github.com/bhavinc/predify2021"
_NUMBER = re.compile(r"(?:pc|pcoder)(\d+)(?!\d)", re.IGNORECASE)
_ENDINGS = (".pth", ".pt", ".safetensors")


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
    """The source of a network whose predictors are published: `None` means random ones, and only a random backbone may have them.

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
class StoredFeedback:
    """What a source of feedback weights says, beyond the weights themselves.

    Args:
        sqrt_cs: √C_n where the source has measured it, else `None`, one per pcoder.
        coefficients: β, λ, α that come with the weights, if any.
    """

    sqrt_cs: tuple[float | None, ...]
    coefficients: Coefficients | None = None


def load(predictors: Sequence[nn.Module], source: Source) -> StoredFeedback:
    """Fills the predictors P_1..P_N, in place, or leaves them as they are if the source is random.

    Raises:
        ValueError: what is missing, ambiguous, or does not fit; all of it in one message.
    """
    if source.random:
        return StoredFeedback((None,) * len(predictors))
    place, count = str(source.place), len(predictors)
    if Path(place).is_file():
        return _from_one_file(predictors, weights.read(Path(place)))
    files = _numbered(place)
    if problem := _problem(place, files, [source.names.format(n=n) for n in range(1, count + 1)]):
        raise ValueError(
            f"Expected `model.feedback_weights` to be a file of pcsweep.train, or a folder or glob with the {count} "
            f"files {_listed(source, count)}, which predify's authors publish ({PUBLISHED_AT}), but {problem}."
        )
    return StoredFeedback(_filled(predictors, lambda n, predictor: _from_pcoder_file(predictor, weights.read(files[n][0]), n)))


def _numbered(place: str) -> dict[int, list[Path]]:
    """The files of a folder or glob by the pcoder number in their names."""
    pattern = str(Path(glob.escape(place)) / "*") if Path(place).is_dir() else place
    found: dict[int, list[Path]] = {}
    for path in sorted(map(Path, glob.glob(pattern))):
        matched = _NUMBER.findall(path.stem)
        if matched and path.suffix in _ENDINGS:
            found.setdefault(int(matched[-1]), []).append(path)
    return found


def _problem(place: str, files: Mapping[int, Sequence[Path]], names: Sequence[str]) -> str:
    """Why these are not one file for each of the pcoders 1..N, whose files are called `names`; empty if they are."""
    numbers = range(1, len(names) + 1)
    if missing := [names[n - 1] for n in numbers if n not in files]:
        return f"{place!r} lacks {', '.join(missing)}"
    if twice := [str(path) for n in numbers for path in files[n] if len(files[n]) > 1]:
        return f"in {place!r} these share a number: {', '.join(twice)}"
    further = [str(path) for n in sorted(set(files) - set(numbers)) for path in files[n]]
    return f"there are more: {', '.join(further)}" if further else ""


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


def _from_one_file(predictors: Sequence[nn.Module], file: weights.File) -> StoredFeedback:
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

    return StoredFeedback(_filled(predictors, fill), file.coefficients)


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
