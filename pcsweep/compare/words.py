"""The words of the command, checked."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pcsweep.aggregate.words import DrawingOptions, drawing_words
from pcsweep.config.errors import BadSetting
from pcsweep.config.schema import place
from pcsweep.console.words import completed, words_of

_OPTIONS = ("study", "output_root", "output", "metric", "resamples", "permutations", "seed")


@dataclass(frozen=True)
class CompareOptions(DrawingOptions):
    """The words of the command line."""

    studies: tuple[str, ...]  # one or two
    output_root: str = "outputs"
    output: str = ""
    metric: str = "iou"

    @property
    def folder(self) -> Path:
        """Where the tables and pictures go."""
        if self.output:
            return Path(place(self.output, "output"))
        return Path(place(self.output_root, "output_root")) / "compare" / "_vs_".join(self.studies)


def parse(words: Sequence[str]) -> CompareOptions:
    """The options that `key=value` words give.

    Raises:
        ValueError: an unknown key, neither one study nor two, or a value out of its range.
    """
    words = completed(words)
    studies = [value for key, _, value in (word.partition("=") for word in words) if key == "study"]
    given = words_of([word for word in words if word.partition("=")[0] != "study"], _OPTIONS)
    if len(studies) not in (1, 2) or len(set(studies)) < len(studies):
        got = " ".join(f"study={name}" for name in studies) or "none"
        raise BadSetting(f"Expected two different studies, study=A study=B, but got {got}.")
    return CompareOptions(
        tuple(studies),
        given.get("output_root", "outputs"),
        given.get("output", ""),
        given.get("metric", "iou"),
        **drawing_words(given),
    )


def check_output(folder: Path) -> None:
    """Before anything is computed; makes nothing."""
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise BadSetting(f"Expected `output` to be a folder that can be written, but got {str(folder)!r}.")
