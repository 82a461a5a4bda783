"""The file of weights: how it was made stands in it, and nothing is overwritten."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from pcsweep.machine.files import as_the_umask_says, replacing
from pcsweep.model.build.weights import metadata, read
from pcsweep.network import Coefficients
from pcsweep.train.checkpoint import Checkpoint
from pcsweep.train.explained import share_explained
from pcsweep.train.standing import Best, Standing

_METADATA = "pcsweep.training"  # of the output: the settings that made it
_log = logging.getLogger(__name__)


def refuse_another(output: Path, checkpoint: Checkpoint) -> None:
    """Unless the file is what this training wrote.

    Raises:
        ValueError: it is another's.
    """
    settings = read(output).metadata.get(_METADATA)
    try:
        differing = "it does not say how it was made" if settings is None else checkpoint.differing(settings)
    except (ValueError, TypeError, AttributeError, RecursionError):
        differing = "what it says of how it was made cannot be read"
    if differing:
        raise ValueError(f"Expected `output` to be a new file, but {str(output)!r} is there, and {differing}. Choose another.")


def write(output: Path, tensors: Mapping[str, Tensor], learned: Coefficients | None, settings: str) -> None:
    """The weights, the coefficients if they were learned, and the settings that made them."""
    with replacing(output) as path, as_the_umask_says(path):
        described = {**(metadata(learned) or {}), _METADATA: settings}
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, path, described)
        _sort_header(path)
    whole = not all(name.startswith("predictors.") for name in tensors)
    _log.info("Wrote %s; use it with model.%s=%s", output, "weights" if whole else "feedback_weights", output)
    if learned is not None:
        _log.info("Learned coefficients, for hyperparameter=model: %s", learned)


def _sort_header(path: Path) -> None:
    """safetensors writes its metadata in a random order; sorted, the same weights make the same file."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.dumps(json.loads(file.read(size)), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(header) <= size  # the same words in another order
        file.seek(8)
        file.write(header.ljust(size))


def say(standing: Standing, modules: Sequence[str]) -> None:
    """How a phase went."""
    if standing.first is not None:
        end = sum(standing.last) / len(standing.last)
        _log.info("%s: loss %.4f at the start, %.4f at the end", standing.phase, standing.first, end)
    best = standing.best
    if best is not None and best.epoch == 0:
        _log.info("%s: solved in closed form; held-out loss %.4f\n%s", standing.phase, best.loss, table(best, modules))
    elif best is not None:
        early = f" (stopped after {standing.epoch})" if standing.stopped else ""
        _log.info("%s: kept epoch %d%s, whose held-out loss, %.4f, is the lowest", standing.phase, best.epoch, early, best.loss)
        if standing.phase == "feedback":
            _log.info("%s", table(best, modules))


def table(best: Best, modules: Sequence[str]) -> str:
    """What each predictor explains of what it predicts, on held-out images."""
    below = ["the image", *modules[:-1]]
    rows = [
        f"{n:>6}  {name:<{max(map(len, below))}}  {error:>10.4g}  {variance:>10.4g}  {share_explained(error, variance):>9.3f}"
        for n, (name, (error, variance)) in enumerate(zip(below, best.explained, strict=True), start=1)
    ]
    head = f"pcoder  {'predicts':<{max(map(len, below))}}  {'MSE':>10}  {'variance':>10}  explained"
    said = "Held-out images: explained = 1 - MSE / variance; 0 is what each channel's mean explains, 1 is all"
    return "\n".join([said, head, *rows])
