"""Work on many files at once, with every error told."""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from pcsweep.console.progress import progress

_NAMED = 10  # of many files or errors

Item = TypeVar("Item")
Result = TypeVar("Result")


def cpus() -> int:
    """How many this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def gathered(function: Callable[[Item], Result], items: Sequence[Item], description: str) -> Generator[Result, None, None]:
    """`function` of every item, in order, computed by as many threads as there are CPUs, with a progress bar.

    Errors wait until all items were tried.

    Raises:
        ValueError: after the last result, if `function` raised ValueError or OSError for any item: how many, and what they said.
    """

    def attempt(item: Item) -> tuple[Result | None, str | None]:
        try:
            return function(item), None
        except (ValueError, OSError) as error:
            return None, str(error)

    errors = []
    executor = ThreadPoolExecutor(cpus())
    try:
        with progress(description, len(items), "images") as advance:
            for result, error in executor.map(attempt, items):
                advance(1)
                if error is None:
                    yield result  # type: ignore[misc]  # None only beside an error, or where `function` returns it
                else:
                    errors.append(error)
    finally:
        executor.shutdown(cancel_futures=True)
    if errors:
        raise ValueError(f"{len(errors)} of {len(items)} images cannot be used:\n  " + listed(errors, "\n  "))


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """At most ten of them, and how many more there are."""
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return separator.join([*names[:_NAMED], *more])
