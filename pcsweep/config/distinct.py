"""Lists in which nothing may stand twice: it would mean the same and make another identity."""

from collections.abc import Sequence
from typing import Annotated, Any, get_origin

DIFFERENT = "different values"


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """For annotations of lists of numbers; lists of names need none, see `repeats_a_name`."""
    if len(set(values)) < len(values):
        raise ValueError(DIFFERENT)
    return values


def repeats_a_name(values: Sequence[Any]) -> bool:
    """Whether it is a list of names, one of them several times."""
    return all(isinstance(value, str) for value in values) and len(set(values)) < len(values)


def bare(annotation: Any) -> Any:
    """Without what `Annotated` adds."""
    return annotation.__origin__ if get_origin(annotation) is Annotated else annotation
