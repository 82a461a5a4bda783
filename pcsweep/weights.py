"""Files of weights, as tensors: safetensors, and PyTorch's own format without anything in it that could run.

Four layouts are read: a plain state dict; one wrapped as `{"state_dict": …}`; predify's training checkpoint of one pcoder,
`{"pcoderweights": …, "optimizer": …, "epoch": …}`; and predify's whole network, with `backbone.*` and `pcoder{n}.*`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from pcsweep.network import Coefficients

State = dict[str, Tensor]
LISTED = 5  # keys named in a message
_COEFFICIENTS = "pcsweep.coefficients"


@dataclass(frozen=True, eq=False)
class File:
    """What a file of weights holds.

    Args:
        path: of the file.
        tensors: by name.
        metadata: the texts stored beside them; empty but for safetensors.
    """

    path: Path
    tensors: State
    metadata: Mapping[str, str]

    @property
    def coefficients(self) -> Coefficients | None:
        """β, λ and α that `pcsweep.train` learned, or that a whole predify network had; `None` where there are none.

        Raises:
            ValueError: they are there, but no coefficients.
        """
        if _COEFFICIENTS in self.metadata:
            try:
                learned = json.loads(self.metadata[_COEFFICIENTS])
                return Coefficients(learned["beta"], learned["lambda"], learned["alpha"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{self.path}: its stored coefficients cannot be read ({error}).") from error
        try:
            return predify_coefficients(self.tensors)
        except ValueError as error:
            raise ValueError(f"{self.path}: its stored coefficients are none: {error}") from error

    def below(self, prefix: str) -> State:
        """The tensors whose names begin with `prefix`, by the rest of their names."""
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


def metadata(coefficients: Coefficients | None) -> dict[str, str] | None:
    """What a file of safetensors says of learned coefficients; `File.coefficients` reads it."""
    if coefficients is None:
        return None
    named = {"beta": coefficients.beta, "lambda": coefficients.lambda_, "alpha": coefficients.alpha}
    return {_COEFFICIENTS: json.dumps(named)}


def read(path: Path) -> File:
    """The tensors in a file. Nothing in it is run: PyTorch's format is read with `weights_only=True`.

    Raises:
        ValueError: no file there, or one that is no file of weights.
    """
    if not path.is_file():
        raise ValueError(f"Expected a file of weights, but there is none at {str(path)!r}.")
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, "pt") as opened:
                return File(path, load_file(path), dict(opened.metadata() or {}))
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the readers fail in any way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"Expected {str(path)!r} to be a file of tensors alone, but it is not ({reason}).") from error
    return File(path, _tensors(loaded, path), {})


def _tensors(loaded: Any, path: Path) -> State:
    for wrapper in ("pcoderweights", "state_dict"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not loaded:
        raise ValueError(f"Expected {str(path)!r} to hold a state dict, but it holds a {type(loaded).__name__}.")
    tensors = {str(name): tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
    if len(tensors) < len(loaded):
        other = next(name for name, value in loaded.items() if not isinstance(value, Tensor))
        raise ValueError(f"Expected {str(path)!r} to hold tensors, but {other!r} is a {type(loaded[other]).__name__}.")
    return tensors


def predify_coefficients(tensors: Mapping[str, Tensor]) -> Coefficients | None:
    """β, λ and α in the state of a whole predify network, with hyperparameters shared or separate; `None` where there are none.

    Raises:
        ValueError: they are no coefficients, such as β + λ > 1.
    """
    count = len({name.partition(".")[0] for name in tensors if name.startswith("pcoder") and "." in name})
    columns = []
    for name in ("ffm", "fbm", "erm"):
        shared = tensors.get(name)
        values = [tensors.get(f"{name}{n}", shared) for n in range(1, count + 1)]
        if not values or any(value is None for value in values):
            return None
        columns.append([round(float(value), 7) for value in values if value is not None])  # as typed: predify keeps fp32
    beta, lambda_, alpha = columns
    return Coefficients(beta, [*lambda_[:-1], 0.0], alpha)


def fill(module: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Copies the tensors into a module that has exactly these.

    Args:
        module: changed in place.
        state: its tensors by name.
        what: names module and file in messages.

    Raises:
        ValueError: names or shapes differ; the module may be filled in part.
    """
    own = module.state_dict()
    problems = [
        _difference("lacks", sorted(set(own) - set(state))),
        _difference("has, but should not,", sorted(set(state) - set(own))),
        *(
            f"{name!r} is {tuple(state[name].shape)} where {tuple(own[name].shape)} is needed"
            for name in sorted(set(own) & set(state))
            if own[name].shape != state[name].shape
        ),
    ]
    found = [problem for problem in problems if problem]
    if found:
        raise ValueError(f"{what} does not fit: it {'; '.join(found[:LISTED])}.")
    module.load_state_dict(dict(state))


def _difference(verb: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{verb} {', '.join(map(repr, names[:LISTED]))}{more}"


def backbone_file(place: str, words: Sequence[str]) -> File:
    """The file that the setting `model.weights` names, where it is none of the words.

    Raises:
        ValueError: no file there, or no file of weights.
    """
    if not Path(place).is_file():
        raise ValueError(f"Expected `model.weights` to be {', '.join(words)} or a file, but there is no file {place!r}.")
    return read(Path(place))


def backbone_state(place: str, words: Sequence[str]) -> State:
    """The state of a backbone in a file: a plain state dict, the `backbone.*` of a whole predify network, or of pcsweep.train.

    Args:
        place: path of the file.
        words: what the setting may be instead, for the message.

    Raises:
        ValueError: no file there, or no file of weights.
    """
    file = backbone_file(place, words)
    if any(name.startswith("stages.") for name in file.tensors):  # of pcsweep.train, by the names of the cut network
        ours = {re.sub(r"^(stages\.\d+|head)\.", "", name): tensor for name, tensor in file.tensors.items()}
        return {name: tensor for name, tensor in ours.items() if not name.startswith("predictors.")}
    return file.below("backbone.") or file.below("module.") or file.tensors
