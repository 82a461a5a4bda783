"""Where the weights of predictors come from: predify's published files, a whole network of it, `pcsweep.train`, or chance."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from pcsweep.model.build import weights
from pcsweep.model.build.numbered import Found, is_archive, numbered
from pcsweep.network import Coefficients

PUBLISHED_AT = "github.com/miladmozafari/predify and github.com/bhavinc/predify2021"


@dataclass(frozen=True)
class Source:
    """Where feedback weights come from.

    Args:
        place: `random` or `None` (drawn from torch's global generator as it is); a folder, a glob or a zip file with one file per
            pcoder, numbered as in `…_pc1_….pth`; or one file: a whole predify network, or what `pcsweep.train` wrote.
        names: of the files that predify's authors published for this network, for messages.
        packaged: names of the sets of weights that the package has for this network, for messages.
    """

    place: str | None
    names: str = "*pc{n}*.pth"
    packaged: tuple[str, ...] = ()

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
        raise ValueError(f"Expected `model.feedback_weights` to be {_forms(source, count)}, or random, but got null.")
    return source


def _forms(source: Source, count: int) -> str:
    """What may be given, for messages."""
    names = ", ".join(source.names.format(n=n) for n in range(1, count + 1))
    words = "".join(f"{name}, " for name in source.packaged)
    return (
        f"{words}a file of pcsweep.train, a whole predify network, or a folder, glob or zip file with the {count} files {names}, "
        f"which predify's authors publish ({PUBLISHED_AT})"
    )


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
    if Path(place).is_file() and not is_archive(Path(place)):
        return _from_one_file(predictors, weights.read(Path(place)))
    files = numbered(place)
    if problem := _problem(place, files, [source.names.format(n=n) for n in range(1, count + 1)]):
        raise ValueError(f"Expected `model.feedback_weights` to be {_forms(source, count)}, but {problem}.")
    return StoredFeedback(_filled(predictors, lambda n, predictor: _from_pcoder_file(predictor, files[n][0].read(), n)))


def _problem(place: str, files: Found, names: Sequence[str]) -> str:
    """Why these are not one file for each of the pcoders 1..N, whose files are called `names`; empty if they are."""
    numbers = range(1, len(names) + 1)
    if missing := [names[n - 1] for n in numbers if n not in files]:
        zipped = sorted(str(path) for path in Path(place).glob("*.zip")) if Path(place).is_dir() else []
        there = f"; a zip file is given by its own path, such as {zipped[0]}" if zipped else ""
        return f"{place!r} lacks {', '.join(missing)}{there}"
    if twice := [str(file.path) for n in numbers for file in files[n] if len(files[n]) > 1]:
        return f"in {place!r} these share a number: {', '.join(twice)}"
    further = [str(file.path) for n in sorted(set(files) - set(numbers)) for file in files[n]]
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
    if sqrt_c is not None and sqrt_c.numel() != 1:
        raise ValueError(f"Expected C_sqrt to be one number, but it is a tensor of {tuple(sqrt_c.shape)}.")
    return None if sqrt_c is None or not float(sqrt_c) > 0 else float(sqrt_c)
