"""Which tests are marked in pictures, and what the mark means."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from pcsweep.statistics.permutation import SIGNIFICANT

_TEST = "sign-flip test over images, false discovery rate over all cells and timesteps"
GAIN = f"q < {SIGNIFICANT}: the mean gain on t = 0 is not 0\n({_TEST})"
DIFFERENCE = f"q < {SIGNIFICANT}: the studies differ\n({_TEST})"
NONE = " (nowhere)"


def dots(panel: Axes, q: np.ndarray, inches: float) -> bool:
    """Marks the significant cells of a panel of square cells, so many inches wide; whether there are any."""
    rows, columns = np.nonzero(q < SIGNIFICANT)
    if rows.size:
        across = np.clip(0.25 * 72 * inches, 1.0, 4.0)  # points
        panel.scatter(columns, rows, s=across**2, zorder=3, color="black", edgecolors="white", linewidths=0.4)
    return bool(rows.size)


def dot(label: str, anywhere: bool, **style: Any) -> Line2D:
    """For the legend; it says where no test is significant."""
    given = {"color": "black", "markeredgecolor": "white", "markersize": 4, **style}
    first, _, rest = label.partition("\n")
    return Line2D([], [], marker="o", linestyle="", label=f"{first}{'' if anywhere else NONE}\n{rest}", **given)
