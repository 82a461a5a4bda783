"""Files of weights, as tensors: safetensors, and PyTorch's own format without anything in it that could run.

Four layouts are read: a plain state dict; one wrapped as `{"state_dict": …}` or `{"model": …}`; predify's training checkpoint of
one pcoder, `{"pcoderweights": …, "optimizer": …, "epoch": …}`; and predify's whole network, with `backbone.*` and `pcoder{n}.*`.
"""

import json
import re
import zipfile
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
import torch.serialization
from safetensors import safe_open
from safetensors.torch import load, load_file
from torch import Tensor, nn

from pcsweep.network import Coefficients

State = dict[str, Tensor]
_DEEPEST, _PREFIXES = 5, 8  # parts of a prefix, and prefixes that are tried
_WRAPPERS = ("pcoderweights", "state_dict", "model_state_dict", "model")  # where training scripts keep a state dict
_INFLATED = 10  # times the size of its file that what is in it may have
_AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")  # and where its running average
_STAGE = re.compile(r"^(stages\.\d+|head)\.")  # of the names in a file of pcsweep.train
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
            except (ValueError, KeyError, TypeError, RecursionError) as error:
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


def read(path: Path, content: bytes | None = None) -> File:
    """The tensors in a file. Nothing in it is run: PyTorch's format is read with `weights_only=True`.

    Args:
        path: of the file.
        content: of a file that lies in another, such as in a zip file; `None`: the path is one on the disk.

    Raises:
        ValueError: no file there, or one that is no file of weights.
    """
    if content is None and not path.is_file():
        raise ValueError(f"Expected a file of weights, but there is none at {str(path)!r}.")
    try:
        if path.suffix == ".safetensors":
            return _safetensors(path) if content is None else File(path, load(content), _header(content))
        _refuse_bombs(path if content is None else BytesIO(content))
        with torch.serialization.safe_globals([Namespace]):  # a plain record, in which training scripts keep their settings
            loaded = torch.load(path if content is None else BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can make the readers fail in any way
        raise ValueError(f"Expected {str(path)!r} to be a file of tensors alone, but it is not ({reason(error)}).") from error
    return File(path, _tensors(loaded, path), {})


def _safetensors(path: Path) -> File:
    with safe_open(path, "pt") as opened:
        return File(path, load_file(path), dict(opened.metadata() or {}))


def _header(content: bytes) -> dict[str, str]:
    """The texts stored in a file of safetensors, whose header begins with its own length."""
    end = 8 + int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8:end]).get("__metadata__") or {})


def reason(error: Exception) -> str:
    """What an error says, in one line."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _tensors(loaded: Any, path: Path) -> State:
    if isinstance(loaded, Mapping):
        sets = [name for name in (*_WRAPPERS, *_AVERAGED) if isinstance(loaded.get(name), Mapping)]
        if len(sets) > 1:
            raise ValueError(
                f"Expected {str(path)!r} to hold one set of weights, but it holds {' and '.join(map(repr, sets))}. Save the one "
                f"that is meant to a file of its own: torch.save(torch.load({str(path)!r})[{sets[0]!r}], …)."
            )
        loaded = loaded[sets[0]] if sets else loaded
    if not isinstance(loaded, Mapping) or not loaded:
        raise ValueError(f"Expected {str(path)!r} to hold a state dict, but it holds a {type(loaded).__name__}.")
    tensors = {str(name): tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}
    if len(tensors) < len(loaded):
        other = next(name for name, value in loaded.items() if not isinstance(value, Tensor))
        raise ValueError(f"Expected {str(path)!r} to hold tensors, but {other!r} is a {type(loaded[other]).__name__}.")
    if odd := [name for name, tensor in tensors.items() if tensor.layout is not torch.strided or tensor.is_meta]:
        raise ValueError(f"Expected {str(path)!r} to hold plain tensors, but {odd[0]!r} is sparse or has no content.")
    return tensors


def _refuse_bombs(file: Path | BytesIO) -> None:
    """By the sizes that a zip file's directory declares; torch.save compresses nothing."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as opened:
        size = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
        refuse_bomb(sum(entry.file_size for entry in opened.infolist()), size)


def refuse_bomb(declared: int, size: int) -> None:
    """Before anything is decompressed.

    Args:
        declared: bytes of content that a directory of a zip file declares.
        size: bytes that are stored of it.

    Raises:
        ValueError: the content is many times larger.
    """
    if declared > _INFLATED * max(size, 2**20):
        raise ValueError(f"it declares {declared / 2**30:.1f} GiB of content in {size / 2**20:.1f} MiB")


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
    lacking = _difference("lacks", sorted(set(own) - set(state)))
    further = _difference("has, but should not,", sorted(set(state) - set(own)))
    names = [problem for problem in (lacking, further) if problem]
    tensors = [
        f"{name!r} is {_kind(state[name])} where {_kind(own[name])} is needed"
        for name in sorted(set(own) & set(state))
        if own[name].shape != state[name].shape or own[name].is_floating_point() != state[name].is_floating_point()
    ]
    more = [f"{len(tensors) - LISTED} more are of other shapes"] if len(tensors) > LISTED else []
    found = [*([f"it {'; '.join(names)}"] if names else []), *tensors[:LISTED], *more]
    if found:
        raise ValueError(f"{what} does not fit: {'; '.join(found)}.")
    module.load_state_dict(dict(state))


def _kind(tensor: Tensor) -> str:
    """Its shape, and its type where that is none of floating-point numbers."""
    return f"{tuple(tensor.shape)}{'' if tensor.is_floating_point() else f' of {tensor.dtype}'.replace('torch.', '')}"


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


def backbone_state(place: str, words: Sequence[str], backbone: nn.Module | None = None) -> State:
    """The state of a backbone in a file, by the backbone's own names.

    Names may have a prefix, as those of `DataParallel` and of whole predify networks, or be those of pcsweep.train. Which it is
    is decided by the names that the backbone has, never by how the file's begin: a network's own may begin in the same way.

    Args:
        place: path of the file.
        words: what the setting may be instead, for the message.
        backbone: whose state it is to be; `None` where a whole network of predify or of `DataParallel` is known by its prefix.

    Raises:
        ValueError: no file there, or no file of weights.
    """
    file = backbone_file(place, words)
    if backbone is None:
        return _of_train(file.tensors) or file.below("backbone.") or file.below("module.") or file.tensors
    own = set(backbone.state_dict())
    spellings = {"": file.tensors, "stages. and head.": _of_train(file.tensors)}
    spellings |= {prefix: file.below(prefix) for prefix in _prefixes(file.tensors, own)}
    whole = [prefix for prefix, state in spellings.items() if own <= state.keys()]
    if len(whole) > 1:
        raise ValueError(
            f"Expected {place!r} to hold one set of the network's weights, but it holds {len(whole)}, by the prefixes "
            f"{', '.join(map(repr, whole))}. Save the one that is meant to a file of its own."
        )
    # The one that has most of the names; of several, the one that has least beside them.
    return max(spellings.values(), key=lambda state: (len(own & state.keys()), -len(state)))


def _prefixes(names: Iterable[str], own: Set[str]) -> list[str]:
    """What stands before a name of the network's in some of the names; the most frequent ones."""
    found: Counter[str] = Counter()
    for name in names:
        parts = name.split(".")
        for count in range(1, min(len(parts), _DEEPEST)):
            if ".".join(parts[count:]) in own:
                found[".".join(parts[:count]) + "."] += 1
    return [prefix for prefix, _ in found.most_common(_PREFIXES)]


def _of_train(tensors: State) -> State:
    """The backbone's in a file of pcsweep.train, whose names are those of the cut network; empty for another file."""
    ours = {_STAGE.sub("", name): tensor for name, tensor in tensors.items() if _STAGE.match(name)}
    return ours if any(name.startswith("predictors.") for name in tensors) else {}
