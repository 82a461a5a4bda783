"""Pictures of a search: its trials over time, how much coefficients matter, where trials lay, and the front of two objectives."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from pcsweep.figures.files import save
from pcsweep.figures.search_front import front
from pcsweep.figures.search_history import history
from pcsweep.figures.search_importance import importance
from pcsweep.figures.search_parallel import parallel
from pcsweep.search.told import SearchShown

_KINDS: dict[str, Callable[[SearchShown], Figure | None]] = {
    "history": history,
    "importance": importance,
    "parallel": parallel,
    "front": front,
}


def draw_search(search: SearchShown, folder: Path) -> list[Path]:
    """Writes `search_history` and the others of which there is something to show; their paths. `folder` is made if missing."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: figure for name, kind in _KINDS.items() if (figure := kind(search)) is not None}
    return [path for name, figure in drawn.items() for path in save(figure, folder / f"search_{name}")]
