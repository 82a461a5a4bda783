"""The words by which statistics are drawn, checked."""

from collections.abc import Mapping

from pcsweep.console.exit import whole_number
from pcsweep.statistics.cell import Drawing


def drawing_words(given: Mapping[str, str]) -> dict[str, int]:
    """The words resamples, permutations and seed, those of `Drawing` where they are not given.

    Raises:
        BadSetting: one is out of its range.
    """
    least = {"resamples": 2, "permutations": 1, "seed": 0}
    return {name: whole_number(name, given.get(name, str(getattr(Drawing, name))), each) for name, each in least.items()}
