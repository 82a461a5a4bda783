"""The best cells as a table of texts, and beside it what halves of the images say: one chooses, the other confirms."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pcsweep.aggregate.best import Headline
from pcsweep.console.fitting import fitted
from pcsweep.study.labels import SYMBOLS, Row, coefficient, label_of, most_text, text_of, with_direction
from pcsweep.study.variants import with_rule_label

if TYPE_CHECKING:
    from rich.table import Table

# Columns that a narrow terminal does without, the first first.
_SPARE = ("NaN", "accuracy", "d", "IoU(0)", "value(0)", "gain [95 %]", "IoU(t)", "value(t)", "p")
_SPARE_OF_CONFIRMED = ("gain [95 %]", "images", "p")
_CAPTION = (
    "gain: mean over images of value(t) - value(0), of the same image and noise; d: in standard deviations of the images' gains; "
    "p: of no gain, corrected for the choice among all cells and timesteps. The best of many looks better than it is, and its "
    "interval does not know that it was chosen: see the next table."
)
_CAPTION_OF_CONFIRMED = (
    "chosen: {ratio}, the {most} on the half that chooses; confirmed: that of the same cell and timestep on the other half, "
    "which had no say, so its interval and p (of no gain, of this row alone) hold for a choice among many; images: that chose "
    "+ that confirmed."
)


def best_cells(found: Sequence[Headline], width: int) -> "Table":
    """A row per headline: where it is, and what the images gained on t = 0; less of it where there are few characters."""
    ratio = with_direction(_ratio(found), found[0].metric)
    title = f"Best cell of each {' and '.join(SYMBOLS.get(each, each) for each in _told(found))}, by {ratio}"
    return _table(found, title, _CAPTION, [best_columns(found), *best_rows(found)], (_SPARE, width))


def confirmed_cells(found: Sequence[Headline], width: int) -> "Table":
    """A row per headline: the choice of one half of the images on the other; less of it where there are few characters."""
    title = "Best cell chosen on one half of the images, confirmed on the other"
    texts = [confirmed_columns(found), *confirmed_rows(found)]
    return _table(
        found,
        title,
        _CAPTION_OF_CONFIRMED.format(ratio=_ratio(found), most=most_text(found[0].metric)),
        texts,
        (_SPARE_OF_CONFIRMED, width),
    )


def _table(
    found: Sequence[Headline], title: str, caption: str, texts: Sequence[Sequence[str]], space: tuple[Sequence[str], int]
) -> "Table":
    """Of headings and rows; the columns that may be left out, and the terminal's width, are its space."""
    group, of_group = _told(found), list(with_rule_label(found[0].group))
    kept = [place for place in range(len(texts[0])) if place >= len(of_group) or of_group[place] in group]
    headings, *rows = ([row[place] for place in kept] for row in texts)
    table = fitted(title, headings, rows, len(group) + len(found[0].coefficients) + 1, *space)
    table.caption, table.caption_justify = caption, "left"
    return table


def _told(found: Sequence[Headline]) -> list[str]:
    """The columns of the group that say something."""
    groups = [with_rule_label(each.group) for each in found]
    return [name for name in groups[0] if len(groups[0]) == 1 or any(each[name] is not None for each in groups)]


def best_columns(found: Sequence[Headline]) -> list[str]:
    """Headings of `best_rows`."""
    name = _value(found)
    return [*_keys(found), f"{name}(0)", f"{name}(t)", f"{name}(t)/{name}(0) [95 %]", "gain [95 %]", "d", "p", "accuracy", "NaN"]


def confirmed_columns(found: Sequence[Headline]) -> list[str]:
    """Headings of `confirmed_rows`."""
    return [*_keys(found), "chosen", "confirmed [95 %]", "gain [95 %]", "p", "images"]


def _keys(found: Sequence[Headline]) -> list[str]:
    """Headings of what names a row."""
    names = (*with_rule_label(found[0].group), *found[0].coefficients, "timestep")
    return [{**SYMBOLS, "timestep": "t"}.get(name, name) for name in names]


def _ratio(found: Sequence[Headline]) -> str:
    """What cells are best by."""
    name = label_of(found[0].metric)
    return f"{name}(t) / {name}(0)"


def _value(found: Sequence[Headline]) -> str:
    """The metric's name in a heading; a longer one would not fit."""
    return "IoU" if found[0].metric == "iou" else "value"


def best_rows(found: Sequence[Headline]) -> list[list[str]]:
    """A row per headline."""
    return [_best(headline) for headline in found]


def confirmed_rows(found: Sequence[Headline]) -> list[list[str]]:
    """A row per headline; one where nothing is defined in the half that chooses says none."""
    return [_confirmed(headline) for headline in found]


def _place(headline: Headline, row: Row) -> list[str]:
    """What names a row."""
    group = with_rule_label(headline.group)
    places = [*group.values(), *(coefficient(row, name) for name in headline.coefficients), row["timestep"]]
    return ["none" if place is None else text_of(place) for place in places]


def _best(headline: Headline) -> list[str]:
    row, start = headline.row, headline.start[headline.metric]
    accuracy = [number(rows["correct"]["mean"]) for rows in (headline.start, headline.metrics) if "correct" in rows]
    return [
        *_place(headline, row),
        number(start["mean"]),
        number(row["mean"]),
        with_interval(row, "normalized"),
        with_interval(row, "difference"),
        number(row["effect"], 2),
        small(row["p_grid"]),
        " → ".join(accuracy),
        " → ".join(dict.fromkeys([str(start["nan"]), str(row["nan"])])),
    ]


def _confirmed(headline: Headline) -> list[str]:
    row = headline.choice
    if row is None:
        return [*_place(headline, {"timestep": None}), *["NaN"] * 4, "none"]
    return [
        *_place(headline, row),
        number(row["choosing_normalized"]),
        with_interval(row, "confirming_normalized"),
        with_interval(row, "confirming_difference"),
        small(row["confirming_p"]),
        f"{row['choosing_pairs']} + {row['confirming_pairs']}",
    ]


def with_interval(row: Row, statistic: str) -> str:
    """Such as `0.123 [0.101, 0.145]`."""
    low, high = f"{statistic}_low", f"{statistic}_high"
    return f"{number(row[statistic])} [{number(row[low])}, {number(row[high])}]"


def number(value: Any, digits: int = 3) -> str:
    """With so many decimals; NaN is named."""
    return "NaN" if value is None or value != value else f"{round(value, digits) + 0.0:.{digits}f}"


def small(value: Any) -> str:
    """A probability: two significant digits, none below 0.001."""
    if value is None or value != value:
        return "NaN"
    return "<0.001" if value < 0.001 else f"{value:.2g}"
