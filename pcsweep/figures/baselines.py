"""What a metric's values stand beside: the feedforward network, which is that at t = 0, and maps that look at no image.

Each row of a page has those of its cell, means over its images, under `baselines`: by label, `START` for the network's.
"""

import textwrap
from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes

from pcsweep.figures.numbers import note
from pcsweep.study.labels import START, Row, label_of

_STYLES = ("-.", ":", (0, (8, 2)))  # of the maps' lines, in the order of the baselines
_GREY = "#606060"
_CLOSEST = 0.16  # of a panel's height, between the middles of two names
_WIDE = 18  # characters beside a panel


def value_text(values: Iterable[float]) -> str:
    """Such as `0.44`, or `0.43 to 0.45` where they differ."""
    texts = sorted({f"{value:.2f}" for value in values}, key=float)
    return texts[0] if len(texts) == 1 else f"{texts[0]} to {texts[-1]}"


def of_rows(rows: Sequence[Row]) -> dict[str, list[float]]:
    """By label, those of the rows' cells."""
    found: dict[str, list[float]] = {}
    for row in rows:
        for label, value in row.get("baselines", {}).items():
            found.setdefault(label, []).append(value)
    return found


def told(metric: str, panels: Sequence[Sequence[Row]]) -> tuple[str, list[str]]:
    """A line for the title, and what stands over panels: the network's value, where they differ in it.

    Args:
        metric: that the baselines are of.
        panels: the rows that each panel, or column of panels, shows.
    """
    each = [of_rows(rows) for rows in panels]
    starts = [value_text(found[START]) if START in found else "none" for found in each]
    alike = len(set(starts)) == 1
    together = of_rows([row for rows in panels for row in rows])
    texts = {label: value_text(values) for label, values in together.items()}
    if START in texts and not alike:
        texts[START] = "above each"
    title = f"{label_of(metric)} {' · '.join(f'{label}: {text}' for label, text in texts.items())}" if texts else ""
    return title, ["" if alike else f"{START.removeprefix('at ')}: {text}" for text in starts]


def under(text: str, more: str) -> str:
    """The second below the first, if there is any."""
    return "\n".join(each for each in (text, more) if each)


def draw(panel: Axes, rows: Sequence[Row]) -> None:
    """A line across the panel for each map, behind what the panel shows."""
    maps = [values for label, values in of_rows(rows).items() if label != START]
    found = {label: values[0] for label, values in of_rows(rows).items()}
    note(panel, ({"series": label, "quantity": "baseline", "value": value} for label, value in found.items()))
    for style, values in zip(_STYLES, maps, strict=False):
        panel.axhline(values[0], color=_GREY, linewidth=0.9, linestyle=style, zorder=0)


def name(panel: Axes, rows: Sequence[Row], room: bool = True) -> None:
    """Beside the panel, the names and values of its lines; call it once all panels of its scale are drawn.

    Args:
        panel: that is drawn.
        rows: that it shows.
        room: whether the figure has to leave room for them, as there is none beside the panel.
    """
    low, high = panel.get_ylim()
    found = of_rows(rows)
    heights = apart([(values[0] - low) / (high - low) for values in found.values()])
    for (label, values), height in zip(found.items(), heights, strict=True):
        said = f"feedforward,\n{label.removeprefix('at ')}" if label == START else textwrap.fill(label, _WIDE)
        text = panel.text(
            *(1.04, height, f"{said}: {value_text(values)}"),
            transform=panel.transAxes, fontsize=6, verticalalignment="center", color="black" if label == START else _GREY,
        )  # fmt: skip
        text.set_in_layout(room)


def apart(heights: Sequence[float]) -> list[float]:
    """Heights in a panel, from 0 to 1, so far from each other that names can stand there, in the same order.

    >>> [round(height, 2) for height in apart([0.5, 0.1, 0.52])]
    [0.5, 0.1, 0.66]
    """
    moved = [min(max(height, 0.0), 1.0) for height in heights]
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    least = 0.0
    for place in order:
        moved[place] = max(moved[place], least)
        least = moved[place] + _CLOSEST
    most = 1.0
    for place in reversed(order):
        moved[place] = min(moved[place], most)
        most = moved[place] - _CLOSEST
    return moved
