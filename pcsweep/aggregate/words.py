"""The words of the commands that aggregate, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pcsweep.config.errors import BadSetting
from pcsweep.console.exit import whole_number
from pcsweep.console.words import words_of
from pcsweep.metric import ASKED, TABLE
from pcsweep.statistics.drawing import Drawing
from pcsweep.study.labels import BEST, NO_SHARES
from pcsweep.study.mixing import Where, where_of

if TYPE_CHECKING:  # the aggregation itself, which takes a second to import
    from pcsweep.aggregate.result import Aggregate

DRAWING_HELP = """\
resamples     how many bootstrap resamples of the images, at least 2
permutations  how many random signs of the images' differences to t = 0, at
              least 1
seed          of both, and of the halves of the images, one of which chooses a
              best cell and the other confirms it; at least 0"""  # of the words of `DrawingOptions`, in `--help`


@dataclass(frozen=True, kw_only=True)
class DrawingOptions:
    """The words that say how often images and signs are drawn, as in `Drawing`."""

    resamples: int = Drawing.resamples
    permutations: int = Drawing.permutations
    seed: int = Drawing.seed


@dataclass(frozen=True)
class AggregateOptions(DrawingOptions):
    """The words of the command line."""

    study: str = ""
    output_root: str = "outputs"
    metric: str = "iou"
    where: Where = field(default_factory=dict)
    to: str = ""  # the folder of the results, if not the study's


def parse(words: Sequence[str], also: Sequence[str] = ()) -> AggregateOptions:
    """The options that `key=value` words give.

    Args:
        words: of the command line.
        also: further keys, that a command of its own has taken out; named with the others where a key is unknown.

    Raises:
        BadSetting: an unknown key, or a value out of its range.
    """
    own = ("study", "output_root", "to", "metric", "resamples", "permutations", "seed", *also)
    words, where = where_of(words, own)
    given = words_of(words, own)
    metric = given.get("metric", AggregateOptions.metric)
    if metric not in BEST and not metric.startswith("iou@"):
        raise BadSetting(f"Expected `metric` to be one of {', '.join(BEST)}, or iou@ and a threshold, but got {metric!r}.")
    drawing = drawing_words(given)
    return AggregateOptions(
        given.get("study", ""), given.get("output_root", "outputs"), metric, **drawing, where=where, to=given.get("to", "")
    )


def metric_shown(result: "Aggregate", metric: str) -> str:
    """The metric that pictures and best cells are of: for the usual one, where it was not measured, the first that was."""
    there = set(result.table["metric"].unique().to_pylist())
    if metric != AggregateOptions.metric or metric in there:
        return metric
    asked = {name for each in result.measured for name in each}
    return next((name for name in BEST if name in asked and name in there), metric)


def check_metric(result: "Aggregate", metric: str, without: Sequence[str] = ()) -> None:
    """Refuses a metric that was not measured, or of which value(t) / value(0) says nothing; the usual one may be missing.

    Args:
        result: in which it has to be.
        metric: that was asked for.
        without: others that are refused.

    Raises:
        BadSetting: names those that can be given.
    """
    refused = (*NO_SHARES, *without)
    there = [name for name in result.table["metric"].unique().to_pylist() if name not in refused]
    if metric not in there and metric != AggregateOptions.metric:
        raise BadSetting(f"Expected `metric` to be one of {', '.join(there)}, but got {metric!r}{_why_not(result, metric)}.")


def _why_not(result: "Aggregate", metric: str) -> str:
    """Why a study has no row of a metric; empty where it is none that a cell can be best by."""
    measured = sorted({name for each in result.measured for name in each})
    if metric in ASKED and metric not in measured:
        return f", which was not measured: this study has metrics=[{','.join(measured)}]"
    if metric not in BEST:
        return ""
    needs = TABLE[metric].needs
    return f", which no cell has in all of its shards{f'; it needs {needs}' if needs else ''}"


def drawing_words(given: Mapping[str, str]) -> dict[str, int]:
    """The words resamples, permutations and seed, those of `Drawing` where they are not given.

    Raises:
        BadSetting: one is out of its range.
    """
    least = {"resamples": 2, "permutations": 1, "seed": 0}
    return {name: whole_number(name, given.get(name, str(getattr(Drawing, name))), each) for name, each in least.items()}
