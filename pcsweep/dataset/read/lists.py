"""The lists of images that come with a dataset: text files with a line for each image, in which no image stands twice."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pcsweep.dataset.read.picture_files import bytes_of
from pcsweep.machine.threads import listed


def lines(path: Path, pattern: re.Pattern[str], example: str) -> list[re.Match[str]]:
    """What each line of a list says; empty lines, and those that begin with #, say nothing.

    Args:
        path: of the list.
        pattern: of a whole line, without the spaces around it.
        example: a line as it should be.

    Raises:
        ValueError: the list cannot be read, a line does not fit, or an image (the pattern's first group) is in it twice.
    """
    try:
        text = bytes_of(path).decode("utf-8-sig")
    except ValueError as error:
        raise ValueError(f"Expected {path} to be a list of images, a line for each, but: {error}.") from error
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        match = pattern.fullmatch(words)
        if match is None:
            raise ValueError(f"Expected line {number} of {path} to be such as {example!r}, but got {words!r}.")
        found.append(match)
    if twice := repeated([match[1] for match in found]):
        raise ValueError(
            f"Expected every image to be in {path} once, but of these there are more ({len(twice)}): {listed(twice)}."
        )
    return found


def repeated(names: Sequence[str]) -> list[str]:
    """Those that are there more than once."""
    return [name for name, count in Counter(names).items() if count > 1]
