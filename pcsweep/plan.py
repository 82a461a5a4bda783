"""`python -m pcsweep.plan`: what a grid computes, shares and skips, in multiplications, and how long that takes here.

Takes the words of `python -m pcsweep`, checks every point like it, and computes nothing but a trial of one batch.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcsweep.console.starting import sign
from pcsweep.pcoder.rule import why_skipped

if __name__ == "__main__":  # before what takes a second to import
    sign("pcsweep.plan")

import hydra

from pcsweep.console.exit import end
from pcsweep.console.text import duration, number_of
from pcsweep.grid.entry import conf_folder, ended

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from rich.table import Table
    from torch import Tensor

    from pcsweep.compute.cost import Multiplications
    from pcsweep.config.variations import Configuration
    from pcsweep.grid.loaded import Loaded
    from pcsweep.grid.plan import Called
    from pcsweep.grid.point import GridPoint
    from pcsweep.network import PredictiveNetwork
    from pcsweep.network.engine.schedule import Structure

HELP = """\
What a grid computes, shares and skips, in multiplications, and how long that
takes here. Nothing is written.

    python -m pcsweep.plan WORDS

WORDS     those of python -m pcsweep (see its --help), with -m for a sweep

For each combination of zero and non-zero coefficients, pcoder by pcoder, at
t = 0, 1 and 2 to T:
computed  for every image and grid point, with its multiplications (G = 10⁹) for
          one image
shared    once per image, for all grid points of a pack, or already there; with
          noise.per_timestep once per image of each timestep
skipped   no coefficient asks for it
"""
_GIGA = 1e9
_TRIAL_STEPS = 2
_TABLES = 6  # at most


@hydra.main(version_base="1.3", config_path=conf_folder(), config_name="config")
def _run(config: "DictConfig") -> None:
    from pcsweep.grid.entry import as_given

    with as_given():
        show([config], [0], points_per_pack=1)


def main() -> None:
    """The command."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        sys.stdout.write(HELP)
        return
    sign("pcsweep.plan")
    with tempfile.TemporaryDirectory() as folder:
        words = ["hydra/launcher=plan", f"hydra.run.dir={folder}", f"hydra.sweep.dir={folder}", "hydra.output_subdir=null"]
        words += ["hydra/job_logging=none", "hydra/hydra_logging=none"]
        code = ended(_run, "Nothing was computed; to see the plan, give the same command again:\n ", words)
    end(code)


def show(
    configs: "Iterable[Configuration]",
    numbers: "Sequence[int]",
    points_per_pack: int,
    called: "Called | None" = None,
    beforehand: "Sequence[str]" = (),
) -> None:
    """Prints the plan of a grid, whose points are given in the order of these numbers.

    Args:
        configs, numbers, called: as for `points_from`.
        points_per_pack: at most.
        beforehand: lines to say first.

    Raises:
        BadSetting: one line for every grid point that is refused.
    """
    from pcsweep.compute.passes import Maps, maps_of
    from pcsweep.console.terminal import terminal
    from pcsweep.grid.faithfulness import asking, described
    from pcsweep.grid.loaded import Loaded
    from pcsweep.grid.plan import packed, points_from

    console = terminal(130)
    for line in beforehand:
        console.print(line, markup=False, soft_wrap=True)
    loaded = Loaded()
    asked = points_from(configs, numbers, loaded, called=called)
    why = why_skipped(each.point.rule for each in asked)
    planned = [each for each in asked if each.identity is not None]
    points = [each.point for each in planned]
    skipped = len(numbers) - len(points)
    if not points:
        console.print(f"{number_of(skipped, 'point')}, all skipped{why}: nothing to compute.")
        return
    packs = [[points[number] for number in numbers] for numbers in packed(planned, points_per_pack)]
    parts: dict[str, _Part] = {}
    maps: dict[str, Maps] = {}
    for pack in packs:
        settings = pack[0].settings
        key = str((pack[0].model, pack[0].dataset, settings.timesteps, settings.precision, pack[0].rule))
        if key not in parts:
            parts[key] = _part(max(pack, key=_terms), loaded)
        images = len(pack[0].selection(loaded))
        parts[key].add(pack, images)
        mapped = f"{key} {pack[0].attribution} {pack[0].layer}"
        maps[mapped] = maps.get(mapped) or maps_of(pack[0], loaded, parts[key].rate)
        maps[mapped].count += images * (1 + len(pack) * settings.timesteps)  # one for all points at t = 0
    for part in parts.values():
        for table in part.tables():
            console.print(table)
    ours, plain = (sum(getattr(part, name) for part in parts.values()) for name in ("ours", "plain"))
    measured = sum(part.images for part in parts.values())
    console.print(
        f"{number_of(len(points), 'point')}, finished ones included, in {number_of(len(packs), 'pack')}, {skipped} skipped"
        f"{why}; {measured:,} image-timesteps\n"
        f"{ours / _GIGA:,.1f} G multiplications, {ours / measured / _GIGA:.3f} G per image-timestep; tap by tap, and in full at "
        f"every timestep, {plain / ours:.1f} times as many"
    )
    seconds, again = (sum(getattr(part, name) / part.rate for part in parts.values()) for name in ("ours", "asked"))
    seconds += sum(each.seconds for each in maps.values())
    costly = [each for each in maps.values() if each.passes.count]
    for each in costly:
        console.print(str(each))
    for text in dict.fromkeys(described(point.settings.metrics, point.perturbation) for point in points if point.perturbation):
        more = f"{sum(part.asked for part in parts.values()) / _GIGA:,.1f} G multiplications more"
        console.print(f"{text} That is {more}, about {again / seconds:,.0f} times the rest.", markup=False)
    metrics = dict.fromkeys(name for point in points for name in asking(point.settings.metrics))
    without = "metrics, and attribution but for these passes" if costly else "attribution and metrics"
    beside = f" but {' and '.join(metrics)}" if metrics else ""
    console.print(f"On this device about {duration(seconds + again)}, without {without}{beside}: {_rates(parts)}.")


def _terms(point: "GridPoint") -> int:
    """How many coefficients are not zero: the point with most makes the most telling trial."""
    return sum(value > 0 for rule in point.rules for value in rule)


@dataclass(eq=False)
class _Part:
    """What grid points of one rule, model, dataset and number of timesteps have in common, and what they add up to.

    Args:
        point: one of them.
        each, plain_each: multiplications for one image, as computed and tap by tap.
        rate: multiplications per second in a trial.
        asked: multiplications for what metrics ask the network about other images.
    """

    point: "GridPoint"
    each: "Multiplications"
    plain_each: "Multiplications"
    rate: float
    images: int = 0
    ours: int = 0
    plain: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        self.structures: Counter[Structure | None] = Counter()  # None of a rule without an engine, which computes everything
        self.in_company: set[Structure | None] = set()  # of points that share a pack with others

    def add(self, pack: "Sequence[GridPoint]", images: int) -> None:
        """Counts the points of a pack of so many images."""
        from pcsweep.network.dynamics import dynamics_of

        timesteps = self.point.settings.timesteps
        changing = bool(pack[0].noise_settings.per_timestep)
        structures = [dynamics_of(point.rule).structure(point.rules, changing) for point in pack]
        self.structures.update(structures)
        self.in_company.update(structures if len(pack) > 1 else ())
        self.images += images * len(pack) * (timesteps + 1)
        self.ours += images * self.each.of(self.point.rule, [point.rules for point in pack], timesteps, changing)
        self.plain += images * self.plain_each.everything(self.point.rule, len(pack), timesteps)
        self.asked += images * self._asked(pack)

    def _asked(self, pack: "Sequence[GridPoint]") -> int:
        """For one image, what metrics ask the network about other images; at t = 0 once for the whole pack."""
        from pcsweep.metric import variants_of

        by, rule = pack[0].perturbation, self.point.rule
        later = [timestep for timestep in by.timesteps if timestep] if by else []
        total = self.each.of(rule, [pack[0].rules], 0)
        total += sum(self.each.of(rule, [point.rules], timestep) for point in pack for timestep in later)
        return variants_of(pack[0].settings.metrics, by) * total

    def tables(self) -> "Iterator[Table | str]":
        """One table for every structure, the commonest first."""
        common = self.structures.most_common(_TABLES)
        for structure, points in common:
            if structure is None:
                yield _looped_table(points, self)
            else:
                yield _table(structure, points, self, alone=structure not in self.in_company)
        if len(self.structures) > _TABLES:
            yield f"… and {len(self.structures) - _TABLES} further combinations of zero and non-zero coefficients"


def _part(point: "GridPoint", loaded: "Loaded") -> _Part:
    import torch

    from pcsweep.compute.cost import of_engine, tap_by_tap
    from pcsweep.machine.device import computing_in, device_of

    device = device_of(point.settings.device)
    network = loaded.model(point.model).network.on(device)
    image = loaded.dataset(point.dataset)[point.selection(loaded)[0]].image[None].to(device)
    with torch.no_grad(), computing_in(point.settings.precision, device):
        each = of_engine(network, image, point.rule)
        rate = _rate(network, image, point, each)
    return _Part(point, each, tap_by_tap(network, image, point.rule), rate)


def _rate(network: "PredictiveNetwork", image: "Tensor", point: "GridPoint", each: "Multiplications") -> float:
    """Multiplications per second of eight images at two timesteps, the second time they are computed."""
    from pcsweep.network.engine.run import ROWS

    images = image.expand(ROWS, -1, -1, -1)
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        for moment in network.moments(images, point.rule, [point.rules], _TRIAL_STEPS, ROWS):
            float(network.head(moment.representations[-1]).sum())  # waits for the device
        seconds = time.perf_counter() - started
    return ROWS * each.of(point.rule, [point.rules], _TRIAL_STEPS) / seconds


def _looped_table(points: int, part: _Part) -> "Table":
    """Of points whose rule has no engine: every drive at every timestep, and what the rule convolves itself."""
    from rich.table import Table

    point, timesteps = part.point, part.point.settings.timesteps
    table = Table(title=f"{number_of(points, 'point')} of {point.model.name} by {point.rule.name}", title_justify="left")
    for heading in ("pcoder", "t", "drive f(r below)", "the rule's own", "state r"):
        table.add_column(heading)
    for n, (amount, own) in enumerate(zip(part.each.drives, part.each.steps, strict=True), start=1):
        table.add_row(str(n), "0", f"shared {amount / _GIGA:.3f} G", "", "shared", end_section=not timesteps)
        if timesteps:
            span = "1" if timesteps == 1 else f"1–{timesteps}"
            table.add_row(
                "", span, _cell("computed", amount), _cell("computed", own) if own else "", "computed", end_section=True
            )
    return table


def _table(structure: "Structure", points: int, part: _Part, alone: bool) -> "Table":
    from rich.table import Table

    from pcsweep.network.engine.schedule import levels

    point, each = part.point, part.each
    terms = zip(structure.driven, structure.fed_back, structure.corrected, strict=True)
    named = "  ".join(
        f"{n}:{''.join(symbol for symbol, there in zip('βλα', has, strict=True) if there) or '-'}"
        for n, has in enumerate(terms, start=1)
    )
    table = Table(title=f"{number_of(points, 'point')} of {point.model.name} with non-zero {named}", title_justify="left")
    for heading in ("pcoder", "t", "drive f(r below)", "prediction p", "gradient g", "state r"):
        table.add_column(heading)
    timesteps = point.settings.timesteps
    spans = [(1, "1"), (2, "2" if timesteps == 2 else f"2–{timesteps}")][: min(2, timesteps)]
    for n in range(len(structure.driven)):
        amounts = each.drives[n], each.predictions[n], each.gradients[n]
        table.add_row(str(n + 1), "0", *(f"shared {amounts[0] / _GIGA:.3f} G", "", "", "shared"))
        for timestep, span in spans:
            level = levels(structure, timestep, alone)[n]
            works = zip((level.drive, level.prediction, level.gradient), amounts, strict=True)
            table.add_row(
                "", span, *(_cell(work, amount) for work, amount in works), str(level.state), end_section=span == spans[-1][1]
            )
    return table


def _cell(work: str, amount: int) -> str:
    return f"{work} {amount / _GIGA:.3f} G" if work == "computed" else work


def _rates(parts: "dict[str, _Part]") -> str:
    rates = [f"{part.rate / _GIGA:,.0f} G multiplications per second with {part.point.model.name}" for part in parts.values()]
    return ", ".join(dict.fromkeys(rates)) + f" in a trial of {_TRIAL_STEPS} timesteps"


if __name__ == "__main__":
    main()
