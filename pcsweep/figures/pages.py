"""Which picture shows which cells: one page per file, laid out by what varies in a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pcsweep.pcoder.rule import UpdateRule, keys_of
from pcsweep.study.axes import COEFFICIENTS
from pcsweep.study.conditions import is_noise, noise_axes
from pcsweep.study.labels import (
    SYMBOLS,
    Row,
    beside,
    coefficient,
    condition_text,
    file_name,
    in_order,
    on,
    on_axes,
    pair_of,
    rule_of_row,
    rules_of,
    text_of,
)

_SPARSE = 0.5  # share of the combinations of coefficients; where fewer are cells, a mosaic of them would be mostly holes
_SMALL = 16  # combinations; a mosaic of fewer may have holes


@dataclass(frozen=True)
class Results:
    """All cells of a study.

    Args:
        rows: of the aggregate's table, those of one metric, each with its `baselines`.
        skipped: coordinates of the cells that have no update with their coefficients.
        missing: coordinates of the cells that were not computed.
        facets: columns beside the axes that tell cells apart.
        metric: that the rows are of.
        unit: of σ, in words; "" where there is no σ, or several units.
        split: of the dataset; "" where it has none.
    """

    rows: Sequence[Row]
    skipped: Sequence[Row] = ()
    missing: Sequence[Row] = ()
    facets: Sequence[str] = ()
    metric: str = "iou"
    unit: str = ""
    split: str = ""


@dataclass(frozen=True)
class Page:
    """What one file shows: the rows of one facet, a column of panels for each combination of values of `across`.

    Args:
        name: "" where there is one page.
        title: what its cells share, as far as it varies in the study.
        across: ("pcoder",), or the parameters of the noise that vary.
        rows: of the cells that are there.
        skipped, missing: coordinates of the others.
        metric: that the rows are of.
        unit: of σ, in words.
        split: of the dataset.
    """

    name: str
    title: str
    across: tuple[str, ...]
    rows: list[Row]
    skipped: list[Row]
    missing: list[Row]
    metric: str = "iou"
    unit: str = ""
    split: str = ""

    @property
    def rule(self) -> UpdateRule:
        """Of all its cells."""
        return rule_of_row(self.everything[0] if self.everything else {})

    @property
    def columns(self) -> list[tuple[Any, ...]]:
        """The values of `across` that get a column of panels each."""
        return in_order({self.column_of(row) for row in self.everything})

    def column_of(self, row: Row) -> tuple[Any, ...]:
        """Where a cell belongs."""
        return tuple(row[name] for name in self.across)

    @property
    def by_column(self) -> list[list[Row]]:
        """The rows of each column."""
        return [[row for row in self.rows if self.column_of(row) == column] for column in self.columns]

    @property
    def everything(self) -> list[Row]:
        """All cells, there or not."""
        return [*self.rows, *self.skipped, *self.missing]

    @property
    def timesteps(self) -> list[int]:
        """In order."""
        return sorted({row["timestep"] for row in self.rows})

    @property
    def later(self) -> list[int]:
        """Without t = 0, by which every value is divided, unless there is no other."""
        return self.timesteps[1:] or self.timesteps

    def axis(self, name: str) -> list[Any]:
        """The values of a coefficient in order: numbers, then lists per pcoder."""
        return in_order({coefficient(row, name) for row in self.everything})

    @property
    def caption(self) -> str:
        """Model, data, how many images, and what σ is measured in: for every figure."""
        rows = self.rows or self.everything
        models, datasets = (", ".join(map(str, in_order({row[name] for row in rows}))) for name in ("model", "dataset"))
        words = [on(models, datasets, self.split)]
        for name, word in (("images", "image"), ("seeds", "noise seed")):
            counts = sorted({row[name] for row in rows if row.get(name)})
            if counts and (name == "images" or counts[-1] > 1):
                said = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
                words.append(f"{'n = ' if name == 'images' else ''}{said} {word}{'s' * (counts[-1] != 1)}")
        noises = [str(name) for name in in_order({row["noise"] for row in rows}) if name not in (None, "none", "gaussian")]
        words += [f"noise {', '.join(noises)}"] if noises and "noise" not in self.across else []  # else over each column
        noisy = any(row["sigma"] for row in self.everything)
        return ", ".join([*words, *([f"σ of {self.unit}"] if self.unit and noisy else [])])


def pages(results: Results, across: str | None = None, together: Sequence[str] = ()) -> list[Page]:
    """One page per combination of what varies beside `across` and the two coefficients of a heatmap.

    Args:
        results: all cells.
        across: "noise", for every parameter of it that varies, or "pcoder"; None: the pcoders where there are several and one
            noise level only, else the noise.
        together: names of axes and facets that share a page although they vary.
    """
    groups = (results.rows, results.skipped, results.missing)
    everything = [row for group in groups for row in group]
    if across is None:
        levels = {tuple(row[name] for name in noise_axes(everything, results.facets)) for row in everything}
        across = "pcoder" if len(levels) == 1 and _varies(everything, "pcoder") else "noise"
    names = ["model", "noise", *beside(everything), *results.facets, "sigma", "pcoder"]
    columns = [name for name in names if (name == "noise" or is_noise(name) if across == "noise" else name == across)]
    aside = {*columns, *(f"pcoder.{name}" for name in on_axes(everything)), *together}
    varying = [name for name in names if name not in aside and _varies(everything, name)]
    found: list[Page] = []
    for facet in in_order({tuple(row[name] for name in varying) for row in results.rows}):
        rows, skipped, missing = ([row for row in group if tuple(row[name] for name in varying) == facet] for group in groups)
        named = [(name, value) for name, value in zip(varying, facet, strict=True) if value is not None]
        title = ", ".join(f"{SYMBOLS.get(name, name)} = {text_of(value)}" for name, value in named if name != "model")
        name = file_name(named)
        name = f"{name}-{len(found)}" if name in {page.name for page in found} else name
        own = noise_axes([*rows, *skipped, *missing], results.facets) if across == "noise" else (across,)
        found.append(Page(name, title, own, rows, skipped, missing, results.metric, results.unit, results.split))
    return found


def beside_alone(results: Results) -> tuple[str, ...]:
    """The columns of α where neither β nor λ varies, or most of their combinations with α are no cells, so that cells of several
    α can share a page; else nothing.
    """
    everything = [*results.rows, *results.skipped, *results.missing]
    fixed = all(len({coefficient(row, name) for row in everything}) == 1 for name in on_axes(everything))
    return columns_beside(everything) if fixed or _scattered_beside(everything) else ()


def is_sparse(cells: int, combinations: int) -> bool:
    """Whether so few of the combinations are cells that a picture of all of them would be mostly holes."""
    return combinations >= _SMALL and cells < _SPARSE * combinations


def _scattered_beside(everything: Sequence[Row]) -> bool:
    """Whether the coefficients that no heatmap has as an axis vary, and with most of their values there is no cell."""
    found = []
    for rule in rules_of(everything):
        own = [row for row in everything if rule_of_row(row) == rule]
        others = [tuple(coefficient(row, key) for key in keys_of(rule) if key not in rule.axes) for row in own]
        pairs = [pair_of(row) for row in own]
        if len(set(others)) > 1:
            found.append(is_sparse(len(set(zip(pairs, others, strict=True))), len(set(pairs)) * len(set(others))))
    return any(found) and all(found)


def columns_beside(rows: Sequence[Row]) -> tuple[str, ...]:
    """Of the coefficients that no heatmap has as an axis: as numbers, and as lists."""
    return (*beside(rows), *(f"pcoder.{name}" for name in beside(rows)))


def _varies(rows: Sequence[Row], name: str) -> bool:
    """Whether cells differ in it; in a coefficient, those whose rule has it."""
    return len({row[name] for row in rows if name not in COEFFICIENTS or name in keys_of(rule_of_row(row))}) > 1


def heading(page: Page, column: tuple[Any, ...]) -> str:
    """Of a column's panels."""
    return condition_text(zip(page.across, column, strict=True))
