"""pyarrow without pandas, which it imports for the first array that it makes: a tenth of a whole command of one image."""

import sys
from collections.abc import Sequence
from types import ModuleType

import pyarrow as pa


class _Absent:
    """Finds that there is no pandas, as the first of Python's finders."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        """Nothing, and raises for that one."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def without_pandas() -> None:
    """Has pyarrow find out now that there is no pandas, unless it is imported already.

    Arrays of lists and numpy's are the same. What asks for pandas (`to_pandas`, `Table.from_pandas`) imports it then.
    """
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _Absent)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(_Absent)
