"""What a search costs beside the grid, and what it finds: the tables of docs/search.md.

    python -m pcsweep experiment=fig4                             the grid, once
    python benchmarks/search.py outputs/fig4 [--seeds 20] [--trials 60] [--images 25 50 100] [--objective "iou gain at T"]

A search among the cells of a grid that is known, for each noise level and sampler, and for every seed anew. What a trial would
compute is read from the grid's shards; all else is what `hydra/sweeper=search` does: the same space, samplers, successive
halving, objective and count of image-timesteps, of which a cell that was measured before costs none. The first images of the
grid choose, in the search as in the grid; the others confirm both.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pcsweep.console.progress import progress
from pcsweep.pcoder import rule_of
from pcsweep.pcoder.rule import keys_of
from pcsweep.search.estimate import Estimate
from pcsweep.search.objective import Objective, objective
from pcsweep.search.settings import SearchSettings, search_settings
from pcsweep.search.space import Asked, Network, Space, space_of
from pcsweep.search.terms import Terms
from pcsweep.search.trials import Measured, Trials
from pcsweep.study import axes, shards
from pcsweep.study.values import ShardValues, values_of

log = logging.getLogger("search")
SAMPLERS = ("tpe", "gp", "cmaes", "random")
Cell = tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of one noise level.

    Args:
        cells: values of each by its coefficients.
        order: the images as they were selected.
        settings: of one of them.
    """

    cells: Mapping[Cell, ShardValues]
    order: Sequence[str]
    settings: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, str]:
        """Of the coefficients of a cell."""
        return rule_of(self.settings["pcoder"]).axes

    @property
    def timesteps(self) -> int:
        """T + 1."""
        return int(self.settings["timesteps"]) + 1


def grids(folder: Path) -> dict[float, Grid]:
    """The grids of a study by σ."""
    found: dict[float, dict[Cell, ShardValues]] = {}
    order: list[str] = []
    settings: dict[str, Any] = {}
    paths = sorted((folder / "shards").glob("*.parquet"))
    with progress("reading shards", len(paths), "shards") as advance:
        for path in paths:
            shard = shards.read(path)
            place = axes.coordinates(shard.settings)
            keys = rule_of(shard.settings["pcoder"]).axes
            found.setdefault(place["sigma"], {})[tuple(place[key] for key in keys)] = values_of(shard)
            order = order or list(dict.fromkeys(shard.table["image_id"].to_pylist()))
            settings = shard.settings
            advance(1)
    return {sigma: Grid(cells, order, settings) for sigma, cells in sorted(found.items())}


def space_within(grid: Grid) -> Space:
    """Of the grid's own values."""
    pcoder = grid.settings["pcoder"]
    rule = rule_of(pcoder)
    network = Network(
        rule, tuple(range(1, len(pcoder[keys_of(rule)[0]]) + 1)), {key: tuple(pcoder[key]) for key in keys_of(rule)}
    )
    asked = {}
    for place, key in enumerate(grid.keys):
        values = tuple(sorted({cell[place] for cell in grid.cells}))
        asked[f"pcoder.{key}"] = Asked(values[0], values[-1], values)
    return space_of(asked, network, (), 0.001)


def searched(grid: Grid, settings: SearchSettings, wanted: Objective, folder: Path) -> tuple[Cell, int]:
    """The cell that a search finds, and how many image-timesteps it takes, confirmation included."""
    images = settings.images or ()
    space, total = space_within(grid), len(grid.order)
    terms = Terms((wanted.words,), space.described, ("",), ({},), tuple(images), total, settings.keep)
    trials = Trials(folder, terms, settings, space, [wanted])
    measured: dict[Cell, int] = {}

    def cost(cell: Cell, count: int) -> int:
        new = max(0, count - measured.get(cell, 0)) * grid.timesteps
        measured[cell] = max(count, measured.get(cell, 0))
        return new

    spent = 0
    while under_way := trials.ask():
        while under_way:
            cell = tuple(under_way.coefficients[f"pcoder.{key}"] for key in grid.keys)
            count = images[under_way.rung]
            computed = cost(cell, count)
            spent += computed
            estimate = wanted.estimate([grid.cells[cell]], grid.order[:count])
            under_way = trials.tell(under_way, Measured(count, [], [estimate], computed))
    best = trials.best()[0].user_attrs["coefficients"]
    cell = tuple(best[f"pcoder.{key}"] for key in grid.keys)
    return cell, spent + cost(cell, total)


def best_of(grid: Grid, wanted: Objective, images: Sequence[str]) -> tuple[Cell, Estimate]:
    """The best cell by some images."""
    each = {cell: wanted.estimate([values], images) for cell, values in grid.cells.items()}
    sign = 1 if wanted.direction == "maximize" else -1
    chosen = max(each, key=lambda cell: (sign * each[cell].value, cell))
    return chosen, each[chosen]


def rows(grid: Grid, sigma: float, options: argparse.Namespace) -> Iterator[str]:
    """Of the table, one for each sampler."""
    wanted = objective(options.objective, grid.timesteps - 1, grid.settings["metrics"], grid.settings["thresholds"])
    choosing, others = grid.order[: options.images[-1]], grid.order[options.images[-1] :]
    best, _ = best_of(grid, wanted, choosing)
    confirmed = wanted.estimate([grid.cells[best]], others)
    whole = len(grid.cells) * len(grid.order) * grid.timesteps
    for sampler in options.samplers:
        gains, shares = [], []
        with progress(f"σ = {sigma:g}, {sampler}", options.seeds, "seeds") as advance:
            for seed in range(options.seeds):
                made = search_settings(
                    {"sampler": sampler, "trials": options.trials, "images": options.images, "seed": seed, "keep": options.keep}
                )
                with tempfile.TemporaryDirectory() as folder:
                    cell, spent = searched(grid, made, wanted, Path(folder))
                gains.append(wanted.estimate([grid.cells[cell]], others).value)
                shares.append(spent / whole)
                advance(1)
        behind = confirmed.value - np.array(gains)
        within = np.mean(behind <= confirmed.error)
        yield (
            f"| {sigma:g} | {sampler} | {confirmed.value:.4f} ± {confirmed.error:.4f} | {np.median(gains):.4f} | "
            f"{np.median(behind) / confirmed.error:+.2f} | {within:.0%} | {np.median(shares):.1%} | {np.max(shares):.1%} |"
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+", help="folders of studies with the whole grid")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--keep", type=int, default=3)
    parser.add_argument("--images", type=int, nargs="+", default=[25, 50, 100])
    parser.add_argument("--objective", default="iou gain at T")
    parser.add_argument("--samplers", nargs="+", default=SAMPLERS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    log.info(
        "| σ | sampler | grid's best, confirmed | search's, median | behind, in s.e. | within 1 s.e. | cost, median | largest |"
    )
    log.info("|---|---|---|---|---|---|---|---|")
    for folder in options.studies:
        for sigma, grid in grids(folder).items():
            for row in rows(grid, sigma, options):
                log.info("%s", row)


if __name__ == "__main__":
    main()
